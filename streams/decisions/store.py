"""The store of decisions: append with an expected version, load.

Everything happens on the caller's connection and within the caller's transaction, so that what
must happen together with a decision (a queued task, a consumed offset) commits with it or not at
all. Transactions are READ COMMITTED, PostgreSQL's default.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import class_row
from pydantic import TypeAdapter

from schemas.publisher import new_event_id
from streams.decisions.decider import Decider
from streams.decisions.queries import queries

EventT = TypeVar("EventT")

CHANNEL = "groundswell_decisions"  # wakes a relay that sleeps; the payload is the domain

_SQL = queries(Path(__file__).with_name("store.sql"))
_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}  # made once: they compile a validator


class ConflictError(Exception):
    """Somebody else appended to the stream first."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it stands in the store.

    Attributes:
        position: where it was written; from the relay, its place in the order of commits.
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


class Addition(NamedTuple):
    """Events for a stream that has `expected` events so far.

    Attributes:
        at: when they occurred (UTC).
    """

    stream_id: str
    events: Sequence[Any]
    expected: int
    at: dt.datetime


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
    await append_all(conn, domain, [Addition(stream_id, events, expected, at)])


async def append_all(
    conn: AsyncConnection[Any], domain: str, additions: Sequence[Addition]
) -> None:
    """Append to several streams: to all or to none, as `append` does to one.

    Raises:
        ConflictError: one of them has more events than expected.
    """
    rows = [row for addition in additions for row in _rows(addition)]
    names = ("stream_ids", "befores", "versions", "types", "bodies", "times", "event_ids")
    columns = zip(*rows, strict=True)
    facts = {"domain": domain, **{n: list(c) for n, c in zip(names, columns, strict=True)}}
    # One row is appended or not. Of several, some may be: then those are taken back (to a
    # savepoint, where the caller has a transaction).
    async with conn.transaction() if len(rows) > 1 else nullcontext():
        row = await (await conn.execute(_SQL["append"], facts)).fetchone()
        if row is None or row[0] != len(rows):
            what = ", ".join(f"{one.stream_id} at version {one.expected}" for one in additions)
            raise ConflictError(f"{domain}: not any more: {what}")


def _rows(addition: Addition) -> Iterator[tuple[Any, ...]]:
    """Stream, version that must be there before, version, type, body, time, id."""
    for version, event in enumerate(addition.events, addition.expected + 1):
        body = _adapter(type(event)).dump_json(event).decode()
        kind = type(event).__name__
        stream_id, _, before, at = addition
        yield stream_id, before, version, kind, body, at, new_event_id()


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


async def newest(conn: AsyncConnection[Any], domain: str, stream_id: str) -> Recorded | None:
    """The latest event of a stream; None of one that has none."""
    async with conn.cursor(row_factory=class_row(Recorded)) as cursor:
        await cursor.execute(_SQL["newest"], {"domain": domain, "stream_id": stream_id})
        return await cursor.fetchone()


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
