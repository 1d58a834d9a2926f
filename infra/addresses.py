"""Addresses of servers, which may have passwords in them."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_address(text: str, *, postgres: bool) -> bool:
    """Whether a client will find a host and a port in it, so that it repeats none of it.

    Without a user in it there is nothing to keep; what is wrong with it its client says better.

    Args:
        postgres: it is one of PostgreSQL's, which have a form without `://` and several hosts.
    """
    if "@" not in text:
        return True
    if postgres:
        return _is_of_postgres(text)
    try:
        parts = urlsplit(text)
        return bool(parts.scheme) and parts.port != 0
    except ValueError:
        return False


def _is_of_postgres(text: str) -> bool:
    # Not at the top: commands that ask no database start sooner.
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        ports = str(conninfo_to_dict(text).get("port", ""))
    except psycopg.Error:
        return False
    return all(port.isdigit() or not port for port in ports.split(","))
