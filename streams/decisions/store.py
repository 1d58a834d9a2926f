"""The store of decisions: append with an expected version, load, decide.

Everything happens on the caller's connection and within the caller's transaction, so that what
must happen together with a decision (a queued task, a consumed offset) commits with it or not at
all. Transactions are READ COMMITTED, PostgreSQL's default.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from schemas.publisher import new_event_id
from streams.decisions.decider import Command, Decider, fold
from streams.decisions.queries import queries

StateT = TypeVar("StateT")
CommandT = TypeVar("CommandT", bound=Command)
EventT = TypeVar("EventT")

CHANNEL = "groundswell_decisions"  # LISTEN; the payload is the domain
ATTEMPTS = 20  # of one command; each lost race means that somebody else's won

_SQL = queries(Path(__file__).with_name("store.sql"))
_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}  # made once: they compile a validator


class ConflictError(Exception):
    """Somebody else appended to the stream first."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it stands in the store.

    Attributes:
        version: place in its stream, from 1.
        body: the event's own facts as JSON; times are RFC 3339 strings.
    """

    position: int
    domain: str
    stream_id: str
    version: int
    type: str
    body: dict[str, Any]
    occurred_at: dt.datetime
    event_id: str


@dataclass(frozen=True, slots=True)
class Decision(Generic[StateT, EventT]):
    """What came of a command.

    Attributes:
        state: after the events.
        events: those that were appended; none if the command changed nothing.
        version: of the stream, after them.
    """

    state: StateT
    events: list[EventT]
    version: int


async def append(
    conn: AsyncConnection[Any],
    domain: str,
    stream_id: str,
    events: Sequence[Any],
    *,
    expected: int,
    at: dt.datetime,
) -> None:
    """Append events to a stream that has `expected` events so far.

    Waits for a transaction that is appending the same version, until that commits or not.

    Args:
        events: frozen dataclasses, see [`Decider`][streams.decisions.decider.Decider].

    Raises:
        ConflictError: the stream has more than that; nothing was appended, and the caller's
            transaction goes on.
    """
    facts = {
        "domain": domain,
        "stream_id": stream_id,
        "occurred_at": at,
        "versions": list(range(expected + 1, expected + 1 + len(events))),
        "types": [type(event).__name__ for event in events],
        "bodies": [
            Jsonb(_adapter(type(event)).dump_python(event, mode="json")) for event in events
        ],
        "event_ids": [new_event_id() for _ in events],
    }
    async with conn.transaction():  # a savepoint, where the caller has a transaction
        rows = await (await conn.execute(_SQL["append"], facts)).fetchall()
        if len(rows) != len(events):
            raise ConflictError(f"{domain} {stream_id} is not at version {expected} any more")
        await conn.execute(_SQL["wake"], {"domain": domain})


async def load(
    conn: AsyncConnection[Any], domain: str, stream_ids: Iterable[str]
) -> Mapping[str, list[Recorded]]:
    """The events of several streams, each in order; a stream without events is the empty list."""
    streams: defaultdict[str, list[Recorded]] = defaultdict(list)
    wanted = {"domain": domain, "stream_ids": list(stream_ids)}
    async with conn.cursor(row_factory=class_row(Recorded)) as cursor:
        await cursor.execute(_SQL["load"], wanted)
        async for row in cursor:
            streams[row.stream_id].append(row)
    return streams


async def states(
    conn: AsyncConnection[Any],
    decider: Decider[StateT, CommandT, EventT],
    stream_ids: Iterable[str],
) -> dict[str, StateT]:
    """The present states of those streams that have events."""
    return {
        stream_id: fold(decider, events_of(decider, rows), decider.initial)
        for stream_id, rows in (await load(conn, decider.domain, stream_ids)).items()
    }


async def execute(
    conn: AsyncConnection[Any],
    decider: Decider[StateT, CommandT, EventT],
    stream_id: str,
    command: CommandT,
) -> Decision[StateT, EventT]:
    """Decide a command and append what follows; decide again when somebody else was first.

    Raises:
        Refused: the rules do not allow it, in the state the stream is in now.
        ConflictError: others were first, `ATTEMPTS` times over.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return await _attempt(conn, decider, stream_id, command)
        except ConflictError:
            continue
    return await _attempt(conn, decider, stream_id, command)


async def _attempt(
    conn: AsyncConnection[Any],
    decider: Decider[StateT, CommandT, EventT],
    stream_id: str,
    command: CommandT,
) -> Decision[StateT, EventT]:
    rows = (await load(conn, decider.domain, [stream_id]))[stream_id]
    state = fold(decider, events_of(decider, rows), decider.initial)
    events = decider.decide(state, command)
    if events:
        await append(conn, decider.domain, stream_id, events, expected=len(rows), at=command.at)
    return Decision(fold(decider, events, state), events, len(rows) + len(events))


def events_of(decider: Decider[Any, Any, EventT], rows: Iterable[Recorded]) -> Iterable[EventT]:
    """Stored rows as the domain's events.

    Raises:
        pydantic.ValidationError: a row does not fit its class: classes only ever gain fields
            with defaults.
    """
    classes = {event.__name__: event for event in decider.events}
    for row in rows:
        event: EventT = _adapter(classes[row.type]).validate_python(row.body)
        yield event


def _adapter(event: type[Any]) -> TypeAdapter[Any]:
    found = _ADAPTERS.get(event)
    if found is None:
        found = _ADAPTERS[event] = TypeAdapter(event)
    return found
