"""What a WebSocket carries beside its address.

A browser cannot give a WebSocket headers, and what stands in an address stands in logs too. What it
can give are names of subprotocols: one of them may carry a key or a token, another the user.
"""

from __future__ import annotations

import base64
import binascii
from typing import cast
from urllib.parse import urlsplit

from starlette.websockets import WebSocket

from api.errors import ApiError
from api.users import LONGEST_USER, Asker

PROTOCOL = "groundswell"  # the one that is chosen, where it is offered
KEY = "groundswell.key."  # and a key or an access token in base64url, without padding
USER = "groundswell.user."  # and the user's id in base64url, without padding

NOT_KNOWN = 4401  # close codes: HTTP's status, and 4,000
FORBIDDEN = 4403
BROKEN = 1011
LONGEST_REASON = 123  # bytes that a close frame has room for


class ClosedDoorError(Exception):
    """Nobody may come in like that.

    Attributes:
        code: of the close frame.
        reason: at most 123 bytes, as the protocol has it.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = short(reason)


def refused(error: ApiError) -> ClosedDoorError:
    """What a request would be answered with, as a close frame says it."""
    code = {401: NOT_KNOWN, 403: FORBIDDEN}.get(error.status, BROKEN)
    return ClosedDoorError(code, error.message)


def short(text: str) -> str:
    """As much of a text as a close frame has room for."""
    return text.encode()[:LONGEST_REASON].decode(errors="ignore")


def chosen_protocol(websocket: WebSocket) -> str | None:
    """The subprotocol to answer with: never one that carries something."""
    return PROTOCOL if PROTOCOL in _offered(websocket) else None


def who_listens(websocket: WebSocket) -> Asker:
    """Who was let in at the door."""
    return cast("Asker", websocket.state.asker)


def is_own_page(websocket: WebSocket) -> bool:
    """Whether a page of this API opens it: cookies go along with other ports' pages too."""
    origin = urlsplit(websocket.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == websocket.headers.get("host")


def held_length(user: str | None) -> None:
    """Refuse a name that no user can have.

    Raises:
        ClosedDoorError: it is empty, or too long.
    """
    if user is not None and not 1 <= len(user) <= LONGEST_USER:
        raise ClosedDoorError(FORBIDDEN, f"a user's id has 1 to {LONGEST_USER} characters")


def carried(websocket: WebSocket, prefix: str) -> str | None:
    """What the subprotocol that begins like that carries; None where none is offered.

    Raises:
        ClosedDoorError: it carries no text in base64url.
    """
    for name in _offered(websocket):
        if name.startswith(prefix):
            text = name.removeprefix(prefix)
            try:
                return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            except (binascii.Error, ValueError):
                raise ClosedDoorError(
                    FORBIDDEN, f"the subprotocol {prefix}... does not carry base64url"
                ) from None
    return None


def _offered(websocket: WebSocket) -> list[str]:
    return list(websocket.scope.get("subprotocols", []))
