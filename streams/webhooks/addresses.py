"""Where a webhook may go. Its URL is a stranger's: it must not reach what only we can reach.

A name is resolved once, and the connection goes to the very address that was looked at: a name
that answers differently the second time gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

URL_MAX = 2_048  # characters

_SCHEMES = {"http": 80, "https": 443}

# All that was ever given out of IPv6, but for addresses that carry one of IPv4 within: what is
# behind those is wherever that one says.
_GIVEN_OUT = ipaddress.ip_network("2000::/3")
_CARRIER = ipaddress.ip_network("2002::/16")


class ForbiddenAddressError(Exception):
    """The address is not one of the open internet."""


class UnknownHostError(Exception):
    """The host's name cannot be resolved now."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL points.

    Attributes:
        authority: host and port as the Host header has them.
        host: the name, for TLS.
        address: IP address to connect to.
    """

    scheme: str
    authority: str
    host: str
    port: int
    address: str
    path: str

    @property
    def url(self) -> str:
        """The URL with the address in its host's place."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{address}:{self.port}{self.path}"


def url_problem(url: str) -> str | None:
    """What is wrong with a webhook's URL, as far as it can be told without asking anybody."""
    if len(url) > URL_MAX:
        return f"has at most {URL_MAX} characters"
    # urlsplit drops tabs and line ends, and would judge another URL than the one that is used.
    if not url.isascii() or any(char <= " " or char == "\x7f" for char in url):
        return "is written in ASCII without blanks (punycode, percent-encoding)"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in _SCHEMES or not parts.hostname or port == 0:
        return "is an http:// or https:// URL with a host"
    if "@" in parts.netloc or "\\" in url:
        return "has no user, no password and no backslash in it"
    return None


async def resolve(url: str, *, private: bool) -> Target:
    """The target of a URL that `url_problem` finds nothing wrong with.

    Args:
        private: also loopback, private and link-local addresses are allowed.

    Raises:
        ForbiddenAddressError: the host has an address that is not allowed.
        UnknownHostError: it has none now.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _SCHEMES[parts.scheme]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnknownHostError(f"{host} cannot be resolved: {error}") from None
    addresses = [str(entry[4][0]) for entry in found]
    # All of them, not the first that fits: a host with one foot inside is not trusted outside.
    inner = [] if private else [one for one in addresses if not is_public(one)]
    if inner:
        raise ForbiddenAddressError(f"{host} is {inner[0]}, which is no public address")
    return Target(
        scheme=parts.scheme,
        authority=parts.netloc,
        host=host,
        port=port,
        address=addresses[0],
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # with a zone: an address of a link
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip not in _GIVEN_OUT or ip in _CARRIER:
            return False
    return ip.is_global and not ip.is_multicast
