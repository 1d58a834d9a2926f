"""Who opens a WebSocket.

A browser cannot give a WebSocket headers, and what stands in an address stands in logs too. What it
can give are names of subprotocols: one of them may carry the key, another the user.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit

from starlette.websockets import WebSocket

from api.security import Keys, offered_key
from api.users import LONGEST_USER, Asker, as_meant

PROTOCOL = "groundswell"  # the one that is chosen, where it is offered
KEY = "groundswell.key."  # and the key in base64url, without padding
USER = "groundswell.user."  # and the user's id in base64url, without padding

NOT_KNOWN = 4401  # close codes: HTTP's status, and 4,000
FORBIDDEN = 4403


class ClosedDoorError(Exception):
    """Nobody may come in like that.

    Attributes:
        code: of the close frame.
        reason: at most 123 bytes, as the protocol has it.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def chosen_protocol(websocket: WebSocket) -> str | None:
    """The subprotocol to answer with: never one that carries something."""
    return PROTOCOL if PROTOCOL in _offered(websocket) else None


def who_opens(websocket: WebSocket, keys: Keys) -> Asker:
    """Who that is: by the key in a header or a subprotocol, or by the dashboard's session.

    Raises:
        ClosedDoorError: there is no key, or a wrong one.
    """
    key = offered_key(websocket.headers)
    if key is None:
        key = _carried(websocket, KEY)
    if key is not None:
        if not keys.is_key(key):
            raise ClosedDoorError(FORBIDDEN, "this is not the API's key")
    elif not (keys.has_session(websocket) and _own_page(websocket)):
        raise ClosedDoorError(
            NOT_KNOWN, "send the API's key in X-API-Key or in a subprotocol; docs/api.md has how"
        )
    sent = websocket.headers.get("x-user-id")
    user = _carried(websocket, USER) if sent is None else as_meant(sent)
    if user is not None and not 1 <= len(user) <= LONGEST_USER:
        raise ClosedDoorError(FORBIDDEN, f"a user's id has 1 to {LONGEST_USER} characters")
    return Asker(user)


def _own_page(websocket: WebSocket) -> bool:
    """Whether a page of this API opens it: cookies go along with other ports' pages too."""
    origin = urlsplit(websocket.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == websocket.headers.get("host")


def _offered(websocket: WebSocket) -> list[str]:
    return list(websocket.scope.get("subprotocols", []))


def _carried(websocket: WebSocket, prefix: str) -> str | None:
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
