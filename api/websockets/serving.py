"""One listener of a story, from where it had got to, in order, to its end.

A story is read from a projection's tables, so it does not matter which process was asked before,
nor what this one had in memory: who comes back gets what it missed. Nothing is queued for a
listener; it reads on when it has sent what it read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, NamedTuple, Protocol, TypeVar

import psycopg
import structlog
from psycopg_pool import PoolTimeout
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from api.errors import translate
from api.services import Services
from api.users import Asker
from api.websockets.credentials import (
    BROKEN,
    ClosedDoorError,
    chosen_protocol,
    short,
    who_listens,
)
from api.websockets.watch import TooManyListenersError

SEND_SECONDS = 10.0  # for one event, before a listener that does not read is let go
CLOSE_SECONDS = 1.0
AGAIN_SECONDS = 1.0  # until the tables are asked again that could not be read

WRONG = 4400  # close codes: HTTP's status, and 4,000
UNKNOWN = 4404
SLOW = 1008
FULL = 1013

log = structlog.get_logger()

T = TypeVar("T")


class Told(NamedTuple):
    """What a look at the tables brought.

    Attributes:
        events: to be sent, in order.
        over: how to close when they are sent; empty while the story goes on.
        more: whether to look again at once.
    """

    events: Sequence[dict[str, Any]]
    over: str = ""
    more: bool = False


class Story(Protocol):
    """What a listener is told. It knows what it has told."""

    async def admit(self, here: Services, who: Asker) -> None:
        """Let in who may hear it.

        Raises:
            ClosedDoorError: may not; or there is no such story.
        """

    def listening(self, here: Services) -> AbstractContextManager[asyncio.Event]:
        """An event that is set whenever there may be news.

        Raises:
            TooManyListenersError: no more are taken.
        """

    async def told(self, here: Services) -> Told:
        """What comes behind all that was told before."""


async def serve(websocket: WebSocket, here: Services, tell: Callable[[], Story]) -> None:
    """Answer one WebSocket, until the end of the story or of the listener.

    Args:
        tell: makes the story; raises `ClosedDoorError` where what was asked for is none.
    """
    await websocket.accept(chosen_protocol(websocket))
    telling = asyncio.create_task(_tell(websocket, here, tell))
    gone = asyncio.create_task(_gone(websocket))
    try:
        done, _ = await asyncio.wait({telling, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (telling, gone):
            task.cancel()
        await asyncio.gather(telling, gone, return_exceptions=True)
    if gone not in done:
        with suppress(WebSocketDisconnect):
            await _close(websocket, *telling.result())


def version(after: str | None) -> int:
    """What a listener got last.

    Raises:
        ClosedDoorError: that is no version.
    """
    text = after or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ClosedDoorError(WRONG, "after: send the version of the last event you got")
    return int(text)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """An answer of the tables; while they cannot be read, again and again."""
    while True:
        try:
            return await ask()
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable, PoolTimeout):
            await asyncio.sleep(AGAIN_SECONDS)


async def _gone(websocket: WebSocket) -> None:
    """Until the listener has gone, or the server goes. What it says meanwhile is nobody's."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _tell(websocket: WebSocket, here: Services, tell: Callable[[], Story]) -> tuple[int, str]:
    """Tell all there is to tell; how to close then."""
    try:
        story = tell()
        await story.admit(here, who_listens(websocket))
        with story.listening(here) as news:
            while True:
                news.clear()
                told = await patiently(lambda: story.told(here))
                for event in told.events:
                    text = json.dumps(event, ensure_ascii=False, default=str)
                    async with asyncio.timeout(SEND_SECONDS):
                        await websocket.send_text(text)
                if told.over:
                    return 1000, told.over
                if not told.more:
                    await news.wait()
    except ClosedDoorError as closed:
        return closed.code, closed.reason
    except TooManyListenersError as full:
        return FULL, str(full.__doc__)
    except TimeoutError:
        log.info("slow listener let go", path=websocket.url.path)
        return SLOW, "you do not read; come back with ?after= and the last version you got"
    except WebSocketDisconnect:
        raise
    except Exception as error:  # the last resort of requests, in a listener's words
        return BROKEN, short(translate(error).message)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.application_state is WebSocketState.CONNECTED:
        with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await websocket.close(code, reason)
