"""What browsers are told about every answer."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ONE_YEAR = 365 * 24 * 3600  # seconds

# An answer is data: nothing in it runs, and nobody shows it in a frame.
_OF_DATA = "default-src 'none'; frame-ancestors 'none'"
# FastAPI's pages bring their scripts from a public CDN, and one of their own that stands within.
_DOCUMENTS = frozenset({"/docs", "/docs/oauth2-redirect", "/redoc"})
_OF_DOCUMENTS = "; ".join(
    (
        "default-src 'none'",
        "script-src https://cdn.jsdelivr.net {own}",
        "style-src https://cdn.jsdelivr.net https://fonts.googleapis.com 'unsafe-inline'",
        "font-src https://fonts.gstatic.com",
        "img-src 'self' data: https://fastapi.tiangolo.com https://cdn.redoc.ly",
        "connect-src 'self'",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_OWN_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class SecurityHeaders:
    """Sets them where the answer has not its own.

    Args:
        behind_tls: browsers are to come by TLS alone from now on.
    """

    def __init__(self, app: ASGIApp, *, behind_tls: bool) -> None:
        self.app = app
        self.common = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        if behind_tls:
            self.common["Strict-Transport-Security"] = f"max-age={ONE_YEAR}; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        held: Message | None = None

        async def send_with(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.common.items():
                    headers.setdefault(name, value)
                page = headers.get("content-type", "").startswith("text/html")
                if page and scope["path"] in _DOCUMENTS:
                    held = message  # its policy names its script, which comes with its body
                    return
                headers.setdefault("Content-Security-Policy", _OF_DATA)
            elif held is not None:
                start, held = held, None
                headers = MutableHeaders(scope=start)
                headers["Content-Security-Policy"] = _policy_of(message.get("body", b""))
                await send(start)
            await send(message)

        await self.app(scope, receive, send_with)


def _policy_of(page: bytes) -> str:
    own = (hashlib.sha256(script).digest() for script in _OWN_SCRIPT.findall(page))
    names = " ".join(f"'sha256-{b64encode(one).decode()}'" for one in own)
    return _OF_DOCUMENTS.format(own=names).replace(" ;", ";")
