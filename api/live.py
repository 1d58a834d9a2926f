"""Live updates: what the projections announce, shared out to everyone who listens.

The projection engine notifies PostgreSQL's channel once per applied chunk. One connection of this
process listens; once a second what changed is passed on, coalesced, so that a thousand listeners
cost the database as much as one.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog
from psycopg import sql

from api.metrics import Metrics

CHANNEL = "groundswell"
TICK_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0  # proxies close what is silent for a minute or less
KEPT = 512  # updates that a listener who comes back can still get
BEHIND = 64  # updates that a slow listener may owe before it is let go
RECONNECT_SECONDS = 1.0

PULSE = "pulse"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Update:
    """One thing to tell.

    Attributes:
        number: counts up within this process.
        event: `projection` (its tables changed) or `pulse` (totals, rates and lags).
        subjects: names it can be asked for by: a projection, its topics, `pulse`.
        data: JSON.
    """

    number: int
    event: str
    subjects: frozenset[str]
    data: str


@dataclass(eq=False)
class Listener:
    """One open stream."""

    wanted: frozenset[str]
    queue: asyncio.Queue[Update | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=BEHIND)
    )

    def wants(self, update: Update) -> bool:
        """Whether it asked for that."""
        return not self.wanted or bool(self.wanted & update.subjects)

    def offer(self, update: Update) -> bool:
        """Queue an update; False when the listener does not keep up."""
        try:
            self.queue.put_nowait(update)
        except asyncio.QueueFull:
            return False
        return True


class LiveHub:
    """Listens once, tells many.

    Args:
        dsn: PostgreSQL.
        pulse: reads totals, rates and lags; asked once a second while anybody listens.
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
        self._run = secrets.token_hex(4)  # ids of another process, or run, are no place to resume
        self._number = 0
        self._kept: deque[Update] = deque(maxlen=KEPT)
        self._listeners: set[Listener] = set()
        self._changed: dict[tuple[str, str], dict[str, Any]] = {}
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

    async def stream(self, wanted: frozenset[str], last_event_id: str | None) -> AsyncIterator[str]:
        """The text of one event stream, until its reader goes or falls too far behind."""
        listener = Listener(wanted)
        self._listeners.add(listener)
        self._metrics.listeners.set(len(self._listeners))
        try:
            missed = self._missed(last_event_id)
            yield f"retry: 2000\nevent: hello\ndata: {json.dumps({'resumed': missed is not None})}"
            yield "\n\n"
            for update in missed if missed is not None else self._kept_pulse():
                if listener.wants(update):
                    yield self._text(update)
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        following = await listener.queue.get()
                except TimeoutError:
                    yield ": heartbeat\n\n"
                    continue
                if following is None:
                    return
                yield self._text(following)
        finally:
            self._listeners.discard(listener)
            self._metrics.listeners.set(len(self._listeners))

    def _missed(self, last_event_id: str | None) -> list[Update] | None:
        run, _, number = (last_event_id or "").partition("-")
        if run != self._run or not number.isdigit():
            return None
        last = int(number)
        if self._kept and self._kept[0].number > last + 1:
            return None  # more happened since than is kept: start from the present
        return [update for update in self._kept if update.number > last]

    def _kept_pulse(self) -> list[Update]:
        return [update for update in self._kept if update.event == PULSE][-1:]

    def _text(self, update: Update) -> str:
        return f"id: {self._run}-{update.number}\nevent: {update.event}\ndata: {update.data}\n\n"

    def _tell(self, event: str, subjects: frozenset[str], data: str) -> None:
        self._number += 1
        update = Update(self._number, event, subjects, data)
        self._kept.append(update)
        for listener in list(self._listeners):
            if listener.wants(update) and not listener.offer(update):
                log.info("slow listener let go", behind=BEHIND)
                self._let_go(listener)

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
                    async for notification in connection.notifies():
                        self._hear(notification.payload)
            await asyncio.sleep(RECONNECT_SECONDS)

    def _hear(self, payload: str) -> None:
        try:
            told = json.loads(payload)
            name, topic = str(told["projection"]), str(told.get("topic", ""))
        except (ValueError, KeyError, TypeError):
            log.warning("unreadable notification", payload=payload[:200])
            return
        self._changed[name, topic] = told
        for hear in self._hearers.get(name, ()):
            hear()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            changed, self._changed = self._changed, {}
            for (name, topic), told in changed.items():
                self._tell("projection", frozenset({name, topic}), json.dumps(told))
            if self._listeners:
                await self._tell_pulse()

    async def _tell_pulse(self) -> None:
        try:
            facts = await self._pulse()
        except Exception as error:  # the database is away: say nothing until it is back
            log.debug("no pulse", error=type(error).__name__)
            return
        data = json.dumps(facts, default=str)
        if data != self._last_pulse:
            self._last_pulse = data
            self._tell(PULSE, frozenset({PULSE}), data)
