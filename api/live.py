"""Live updates: what the projections announce, shared out to everyone who listens.

The projection engine notifies PostgreSQL's channel once per applied chunk. One connection of this
process listens; once a second what changed is told, coalesced, so that a thousand listeners cost
the database as much as one. How far the tables are stands in the database: a listener who comes
back says how far it was told, to whichever process, and hears of everything that has moved since.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog
from psycopg import sql

from api.live_ids import Positions, read_id, write_id
from api.metrics import Metrics
from api.statements import statement

CHANNEL = "groundswell"
TICK_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0  # proxies close what is silent for a minute or less
BEHIND = 64  # updates that a slow listener may owe before it is let go
RECONNECT_SECONDS = 1.0
LOAD_SECONDS = 3.0  # that who comes back waits for this process to know the tables' positions
SLICE = 50  # listeners that are told at a time; requests are let in between

PULSE = "pulse"
_HEARTBEAT = ": heartbeat\n\n"

log = structlog.get_logger()


@dataclass(eq=False)
class Listener:
    """One open stream.

    Attributes:
        wanted: subjects; empty: all.
        heard_at: monotonic time of the last thing that was queued.
    """

    wanted: frozenset[str]
    queue: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(maxsize=BEHIND))
    heard_at: float = field(default_factory=time.monotonic)

    def offer(self, text: str) -> bool:
        """Queue what is to be sent; False when the listener does not keep up."""
        try:
            self.queue.put_nowait(text)
        except asyncio.QueueFull:
            return False
        self.heard_at = time.monotonic()
        return True


class LiveHub:
    """Listens once, tells many.

    Args:
        dsn: PostgreSQL.
        pulse: reads totals, rates and lags; asked once a second while anybody listens to it.
    """

    def __init__(
        self,
        dsn: str,
        metrics: Metrics,
        pulse: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        self._dsn = dsn
        self._metrics = metrics
        self._pulse = pulse
        self._told: Positions = {}
        self._loaded = asyncio.Event()  # whether `_told` is what the tables are at
        self._changed: dict[tuple[str, str], dict[str, Any]] = {}
        self._listeners: set[Listener] = set()
        self._hearers: dict[str, list[Callable[[], None]]] = {}
        self._last_pulse = ""
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start listening."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._tick())]

    async def close(self) -> None:
        """Stop, and end every stream."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.release()

    def release(self) -> None:
        """End every stream; who listened comes back, to another process."""
        for listener in list(self._listeners):
            self._let_go(listener)

    def on_change(self, projection: str, hear: Callable[[], None]) -> None:
        """Call that, at once, whenever a chunk was applied to the projection's tables."""
        self._hearers.setdefault(projection, []).append(hear)

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._listeners)

    async def stream(
        self, wanted: frozenset[str], last_event_id: str | None
    ) -> AsyncGenerator[str]:
        """The text of one event stream, until its reader goes or falls too far behind."""
        since = read_id(last_event_id)
        if since is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOAD_SECONDS):
                    await self._loaded.wait()
        # From here to the first yield nothing is waited for: what is told later is told to this
        # listener too, what was told before is in `missed`.
        listener = Listener(wanted)
        resumed = since is not None and self._loaded.is_set()
        missed = self._missed(wanted, since or {}) if resumed else []
        here = "" if missed else _id_line(wanted, self._told)  # else each has its own
        hello = f"retry: 2000\n{here}event: hello\ndata: {json.dumps({'resumed': resumed})}\n\n"
        pulse = self._last_pulse if not wanted or PULSE in wanted else ""
        first = hello + _block(wanted, missed, since or {}) + pulse
        self._listeners.add(listener)
        self._metrics.listeners.set(len(self._listeners))
        try:
            yield first
            while (text := await listener.queue.get()) is not None:
                yield text
        except TimeoutError:  # thrown in by whoever sends: it does not read
            self._drop(listener)
        finally:
            self._listeners.discard(listener)
            self._metrics.listeners.set(len(self._listeners))

    def _drop(self, listener: Listener) -> None:
        """Let go of a listener that does not read."""
        if listener in self._listeners:
            self._metrics.live_dropped.inc()
            log.info("slow listener let go")
            self._let_go(listener)

    def _missed(self, wanted: frozenset[str], since: Positions) -> list[dict[str, Any]]:
        """What has moved, either way: tables of a topic that was made anew go back."""
        found = []
        for (name, topic), now in self._told.items():
            then = since.get((name, topic), {})
            moved = {part: at for part, at in now.items() if then.get(part, 0) != at}
            if moved and _wants(wanted, name, topic):
                found.append(_told_of(name, topic, moved, None))
        return found

    async def _tell(self, pulse: str = "") -> None:
        """Tell everyone what has changed since the last time."""
        changed, self._changed = self._changed, {}
        before = {key: dict(found) for key, found in self._told.items()}
        for (name, topic), told in changed.items():
            at = {int(part): offset for part, offset in told["next_offsets"].items()}
            self._told.setdefault((name, topic), {}).update(at)
        texts: dict[frozenset[str], str] = {}
        everyone = list(self._listeners)
        for listener in everyone:
            wanted = listener.wanted
            if wanted not in texts:
                about = [told for key, told in changed.items() if _wants(wanted, *key)]
                texts[wanted] = _block(wanted, about, before)
                if not wanted or PULSE in wanted:
                    texts[wanted] += pulse
        silent_since = time.monotonic() - HEARTBEAT_SECONDS
        for place, listener in enumerate(everyone):
            text = texts[listener.wanted]
            if not text and listener.heard_at < silent_since:
                text = _HEARTBEAT
            if text and not listener.offer(text):
                self._drop(listener)
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)

    def _let_go(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        while not listener.queue.empty():
            listener.queue.get_nowait()
        listener.queue.put_nowait(None)

    async def _listen(self) -> None:
        while True:
            with suppress(psycopg.Error, OSError):
                connection = await psycopg.AsyncConnection.connect(
                    self._dsn,
                    autocommit=True,
                    connect_timeout=3,
                    application_name="groundswell-live",
                )
                async with connection:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                    await self._load(connection)
                    async for notification in connection.notifies():
                        self._hear(notification.payload)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _load(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Look where the tables are: what was announced while nobody listened is lost."""
        rows: list[Any] = []
        with suppress(psycopg.errors.UndefinedTable):  # no projector has ever run here
            rows = await (await connection.execute(statement("live.positions"))).fetchall()
        for name, topic, partition, offset in rows:
            if not self._loaded.is_set():
                self._told.setdefault((name, topic), {})[partition] = offset
            elif self._told.get((name, topic), {}).get(partition, 0) != offset:
                self._note(name, topic, partition, offset, None)
        self._loaded.set()

    def _hear(self, payload: str) -> None:
        try:
            told = json.loads(payload)
            self._note(
                str(told["projection"]),
                str(told["topic"]),
                int(told["partition"]),
                int(told["next_offset"]),
                int(told["rows"]),
            )
        except (ValueError, KeyError, TypeError):
            log.warning("unreadable notification", payload=payload[:200])

    def _note(self, name: str, topic: str, partition: int, offset: int, rows: int | None) -> None:
        before = self._changed.get((name, topic), {"next_offsets": {}, "rows": 0})
        offsets = {**{int(p): at for p, at in before["next_offsets"].items()}, partition: offset}
        unknown = rows is None or before["rows"] is None
        told = _told_of(name, topic, offsets, None if unknown else before["rows"] + rows)
        self._changed[name, topic] = {**told, "partition": partition, "next_offset": offset}
        for hear in self._hearers.get(name, ()):
            hear()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self._tell(await self._new_pulse())

    async def _new_pulse(self) -> str:
        """The pulse as an event; empty where it is as it was, or nobody wants it."""
        if not any(not one.wanted or PULSE in one.wanted for one in self._listeners):
            return ""
        try:
            facts = await self._pulse()
        except Exception as error:  # the database is away: say nothing until it is back
            log.debug("no pulse", error=type(error).__name__)
            return ""
        text = f"event: {PULSE}\ndata: {json.dumps(facts, default=str)}\n\n"
        if text == self._last_pulse:
            return ""
        self._last_pulse = text
        return text


def _wants(wanted: frozenset[str], projection: str, topic: str) -> bool:
    return not wanted or projection in wanted or topic in wanted


def _id_line(wanted: frozenset[str], positions: Positions) -> str:
    known = {key: found for key, found in positions.items() if _wants(wanted, *key)}
    return f"id: {write_id(known)}\n" if known else ""


def _block(wanted: frozenset[str], updates: Iterable[dict[str, Any]], before: Positions) -> str:
    """Updates as events, each with how far its listener has been told with it.

    Args:
        before: how far it had been told.
    """
    told_until = {key: dict(found) for key, found in before.items()}
    events = []
    for told in updates:
        found = told_until.setdefault((told["projection"], told["topic"]), {})
        found.update({int(part): at for part, at in told["next_offsets"].items()})
        line = _id_line(wanted, told_until)
        events.append(f"{line}event: projection\ndata: {json.dumps(told)}\n\n")
    return "".join(events)


def _told_of(name: str, topic: str, offsets: dict[int, int], rows: int | None) -> dict[str, Any]:
    """The data of a `projection` event.

    Args:
        offsets: next offset of each partition that has moved.
        rows: that were applied; None where that is not known.
    """
    newest = max(offsets)
    return {
        "projection": name,
        "topic": topic,
        "partition": newest,
        "next_offset": offsets[newest],
        "rows": rows,
        "next_offsets": {str(part): at for part, at in sorted(offsets.items())},
    }
