"""Where people reach the API from outside."""

from __future__ import annotations

from infra.settings import Settings

_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  # bound to, not gone to  # nosec B104


def public_base(settings: Settings) -> str:
    """The address that links begin with, without a slash at its end: `PUBLIC_URL`, else that of
    this machine. Never a request's Host header, which anybody can set."""
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    host = "localhost" if settings.api_host in _EVERYWHERE else settings.api_host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{settings.api_port}"
