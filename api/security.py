"""Who may ask: one key with full rights, and a reading session for the dashboard of this machine.

The reasons are in docs/api.md.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import time

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import ApiError, refuse

COOKIE = "groundswell_session"
SESSION_SECONDS = 12 * 3600

_GUARDED = "/api/"
_OPEN = frozenset({"/api/v1/health"})  # load balancers ask it, and they have no key
# Providers have no key either; what they send is signed, or comes to an address of their own.
_CALLBACK = re.compile(r"/api/v1/providers/[a-z0-9_-]+/callback")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Door:
    """Lets a request for `/api/` through with the key, or with a session when it only reads.

    It stands before routing and before the body is read: a stranger learns nothing about either.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and is_guarded(scope["path"]):
            refusal = self.keys.refusal(Request(scope))
            if refusal is not None:
                await refuse(refusal, scope, receive, send)
                return
        await self.app(scope, receive, send)


def is_guarded(path: str) -> bool:
    """Whether an address takes the key."""
    open_ = path in _OPEN or _CALLBACK.fullmatch(path) is not None
    return path.startswith(_GUARDED) and not open_


class Keys:
    """Knows the API's key and the sessions made from it.

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

    def refusal(self, request: Request) -> ApiError | None:
        """Why a request may not pass; None when it may."""
        offered = offered_key(request.headers)
        if offered is not None:
            if self.is_key(offered):
                return None
            return ApiError(403, "FORBIDDEN", "this is not the API's key")
        if self.has_session(request):
            if request.method in _READING:
                return None
            return ApiError(403, "FORBIDDEN", "the dashboard's session only reads; send the key")
        return ApiError(
            401,
            "UNAUTHORIZED",
            "send the API's key in X-API-Key; `groundswell status` shows it",
            headers={"WWW-Authenticate": 'Bearer realm="groundswell"'},
        )

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
