"""One listener of an analysis: its story from a version on, in order, to its end.

The story is read from the projection's table, so it does not matter which process was asked before,
nor what this one had in memory: who comes back with the version of the last event that it got gets
what it missed. Nothing is queued for a listener; it reads on when it has sent what it read.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import psycopg
import structlog
from psycopg_pool import PoolTimeout
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from api import analyses
from api.errors import ApiError, translate
from api.services import Services
from api.users import Asker
from api.websockets.credentials import (
    BROKEN,
    FORBIDDEN,
    ClosedDoorError,
    chosen_protocol,
    short,
    who_listens,
)
from api.websockets.telling import ENDS, Teller
from api.websockets.watch import TooManyListenersError

BATCH = 100  # events read at a time
SEND_SECONDS = 10.0  # for one event, before a listener that does not read is let go
CLOSE_SECONDS = 1.0
AGAIN_SECONDS = 1.0  # until the tables are asked again that could not be read

WRONG = 4400  # close codes: HTTP's status, and 4,000
UNKNOWN = 4404
SLOW = 1008
FULL = 1013

log = structlog.get_logger()


async def serve(websocket: WebSocket, here: Services, analysis_id: str, after: str | None) -> None:
    """Answer one WebSocket, until the end of the analysis or of the listener."""
    await websocket.accept(chosen_protocol(websocket))
    telling = asyncio.create_task(_tell(websocket, here, analysis_id, after))
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


async def _gone(websocket: WebSocket) -> None:
    """Until the listener has gone, or the server goes. What it says meanwhile is nobody's."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _tell(
    websocket: WebSocket, here: Services, analysis_id: str, after: str | None
) -> tuple[int, str]:
    """Tell all there is to tell; how to close then."""
    try:
        last = _version(after)
        await _hold_rights(here, who_listens(websocket), analysis_id)
        with here.analyses.listening(analysis_id) as news:
            return await _tell_story(websocket, here, analysis_id, last, news)
    except ClosedDoorError as closed:
        return closed.code, closed.reason
    except TooManyListenersError as full:
        return FULL, str(full.__doc__)
    except TimeoutError:
        log.info("slow listener let go", analysis_id=analysis_id)
        return SLOW, "you do not read; come back with ?after= and the last version you got"
    except WebSocketDisconnect:
        raise
    except Exception as error:  # the last resort of requests, in a listener's words
        return BROKEN, short(translate(error).message)


def _version(after: str | None) -> int:
    text = after or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ClosedDoorError(WRONG, "after: send the version of the last event you got")
    return int(text)


async def _hold_rights(here: Services, who: Asker, analysis_id: str) -> None:
    while True:
        try:
            row = await analyses.find(here, analysis_id)
            break
        except ApiError:
            row = None  # an id that the database cannot hold
            break
        except (psycopg.OperationalError, PoolTimeout):
            await asyncio.sleep(AGAIN_SECONDS)
    if row is not None and who.may_see(row["user_id"]):
        return
    if row is not None and who.is_spokesman:
        raise ClosedDoorError(FORBIDDEN, "only its owner may listen to an analysis")
    raise ClosedDoorError(UNKNOWN, "no analysis is called that")


async def _tell_story(
    websocket: WebSocket, here: Services, analysis_id: str, last: int, news: asyncio.Event
) -> tuple[int, str]:
    teller: Teller | None = None
    while True:
        news.clear()
        try:
            if teller is None:
                teller = await _teller(here, analysis_id, last)
            rows = await here.database.all(
                "analyses.story", {"id": analysis_id, "after": last, "most": BATCH}
            )
            ending = rows[-1]["type"] in ENDS if rows else await _is_over(here, analysis_id, last)
            outcome = await analyses.outcome(here, analysis_id) if rows and ending else {}
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable, PoolTimeout):
            await asyncio.sleep(AGAIN_SECONDS)
            continue
        for row in rows:
            text = json.dumps(teller.tell(row, outcome), ensure_ascii=False, default=str)
            async with asyncio.timeout(SEND_SECONDS):
                await websocket.send_text(text)
            last = row["version"]
        if ending:
            return 1000, "the analysis has ended"
        if len(rows) < BATCH:
            await news.wait()


async def _is_over(here: Services, analysis_id: str, last: int) -> bool:
    """Whether nothing comes after that version: the listener had heard the end before."""
    row = await here.database.one("analyses.one", {"id": analysis_id})
    return row is not None and row["finished_at"] is not None and row["version"] <= last


async def _teller(here: Services, analysis_id: str, last: int) -> Teller:
    """One that knows how far the run was at that version."""
    row = await here.database.one("analyses.progress_at", {"id": analysis_id, "version": last})
    if row is None or row["progress"] is None:
        return Teller(analysis_id)
    return Teller(analysis_id, row["step"] or 0, row["progress"])


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.application_state is WebSocketState.CONNECTED:
        with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await websocket.close(code, reason)
