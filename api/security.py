"""The installation's own key, with full rights, and a reading session for the dashboard.

The reasons are in docs/api.md.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

COOKIE = "groundswell_session"
SESSION_SECONDS = 12 * 3600


class Keys:
    """Knows the installation's key and the dashboard's sessions made from it.

    Args:
        key: the one key.
        host: the address that the API binds to.
    """

    def __init__(self, key: str, host: str) -> None:
        self._key = key.encode()
        self._loopback = is_loopback(host)

    def is_key(self, offered: str) -> bool:
        """Whether that is the key; takes as long for any wrong one."""
        return hmac.compare_digest(offered.encode(), self._key)

    def open_session(self, response: Response) -> None:
        """Give the browser that gets this response a session that reads."""
        until = str(int(time.time()) + SESSION_SECONDS)
        response.set_cookie(
            COOKIE,
            f"{until}.{self._sign(until)}",
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="strict",
        )

    def trusts(self, request: Request) -> bool:
        """Whether a page may have a session without the key: a browser of this machine.

        The Host header must name this machine too, or a foreign page could make its own name
        point here and read along.
        """
        client = request.client.host if request.client else ""
        return self._loopback and is_loopback(client) and is_loopback(request.url.hostname or "")

    def has_session(self, request: HTTPConnection) -> bool:
        """Whether a browser has a session that is still good."""
        until, _, signature = request.cookies.get(COOKIE, "").partition(".")
        if not signature.isascii() or not hmac.compare_digest(signature, self._sign(until)):
            return False
        if self._loopback and not is_loopback(request.url.hostname or ""):
            return False
        return until.isdigit() and int(until) > time.time()

    def _sign(self, until: str) -> str:
        return hmac.new(self._key, b"dashboard:" + until.encode(), hashlib.sha256).hexdigest()


def offered_key(headers: Headers) -> str | None:
    """The key that a request carries: X-API-Key, or Authorization: Bearer."""
    if "x-api-key" in headers:
        return headers["x-api-key"]
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
