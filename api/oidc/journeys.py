"""What a browser keeps while it is at a provider: a signed cookie, for ten minutes."""

from __future__ import annotations

from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

COOKIE = "groundswell_oidc"
PATH = "/api/v1/auth/oidc"
SECONDS = 600


class Journeys:
    """Writes the cookie, and reads it back. State, nonce and PKCE's verifier are in it, so that the
    way back only counts in the browser that set out.

    Args:
        secret: what it is signed with.
        secure: whether the browser sends it over TLS only.
    """

    def __init__(self, secret: str, *, secure: bool) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt="groundswell oidc journey 1")
        self._secure = secure

    def load(self, request: Request) -> dict[str, Any]:
        """What the browser keeps; nothing where that is too old, or not ours."""
        try:
            found = self._serializer.loads(request.cookies.get(COOKIE, ""), max_age=SECONDS)
        except BadData:
            return {}
        return found if isinstance(found, dict) else {}

    def save(self, response: Response, kept: dict[str, Any]) -> None:
        """Let the browser keep that."""
        response.set_cookie(
            COOKIE,
            str(self._serializer.dumps(kept)),
            max_age=SECONDS,
            path=PATH,
            secure=self._secure,
            httponly=True,
            samesite="lax",  # strict would not come along on the way back
        )

    def end(self, response: Response) -> None:
        """Let the browser forget it."""
        response.delete_cookie(
            COOKIE, path=PATH, secure=self._secure, httponly=True, samesite="lax"
        )
