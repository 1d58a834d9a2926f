"""Commands carried out: a stream is read, its decider asked, and what follows appended.

Like the store, all of it runs on the caller's connection and within the caller's transaction, if
there is one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from psycopg import AsyncConnection

from streams.decisions.decider import Command, Decider, Refused, fold
from streams.decisions.store import Addition, ConflictError, append, append_all, events_of, load

StateT = TypeVar("StateT")
CommandT = TypeVar("CommandT", bound=Command)
EventT = TypeVar("EventT")

ATTEMPTS = 20  # of one command; each lost race means that somebody else's won


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


Effect: TypeAlias = Callable[[AsyncConnection[Any]], Awaitable[None]]
Besides: TypeAlias = Callable[[Decision[StateT, EventT]], Effect | None]


async def states(
    conn: AsyncConnection[Any],
    decider: Decider[StateT, CommandT, EventT],
    stream_ids: Iterable[str],
) -> dict[str, StateT]:
    """The present states of those streams that have events."""
    seen = await _look_at_all(conn, decider, stream_ids)
    return {stream_id: one.state for stream_id, one in seen.items()}


async def execute(
    conn: AsyncConnection[Any],
    decider: Decider[StateT, CommandT, EventT],
    stream_id: str,
    command: CommandT,
    *,
    known: Decision[StateT, EventT] | None = None,
    besides: Besides[StateT, EventT] | None = None,
) -> Decision[StateT, EventT]:
    """Decide a command and append what follows; decide again when somebody else was first.

    On a connection in autocommit and outside of a transaction, a single event is one statement.

    Args:
        known: how the stream was seen last. Where it still is so, it need not be read again;
            only an appended event tells that, so a refusal is always from a fresh look.
        besides: what else must happen with the events, in one transaction with them.

    Raises:
        Refused: the rules do not allow it, in the state the stream is in now.
        ConflictError: others were first, `ATTEMPTS` times over.
    """
    if known is not None:
        with suppress(ConflictError, Refused):
            decision = decided(decider, known.state, known.version, command)
            if decision.events:
                return await _record(conn, decider, stream_id, command, decision, besides)
    for attempt in range(ATTEMPTS):
        seen = await look(conn, decider, stream_id)
        decision = decided(decider, seen.state, seen.version, command)
        if not decision.events:
            return decision
        try:
            return await _record(conn, decider, stream_id, command, decision, besides)
        except ConflictError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


async def execute_all(
    conn: AsyncConnection[Any],
    decider: Decider[StateT, CommandT, EventT],
    commands: Sequence[tuple[str, CommandT]],
) -> list[Decision[StateT, EventT] | Refused]:
    """Decide commands, each with its stream's id, as `execute` would one after the other.

    Read with one statement and appended with one, unless somebody else was first at any of them.

    Returns:
        Of each command what came of it, in order.

    Raises:
        ConflictError: others were first, `ATTEMPTS` times over.
    """
    seen = await _look_at_all(conn, decider, {stream_id for stream_id, _ in commands})
    outcomes: list[Decision[StateT, EventT] | Refused] = []
    additions: list[Addition] = []
    for stream_id, command in commands:
        now = seen.get(stream_id, Decision(decider.initial, [], 0))
        try:
            decision = decided(decider, now.state, now.version, command)
        except Refused as refused:
            outcomes.append(refused)
            continue
        outcomes.append(decision)
        seen[stream_id] = decision
        if decision.events:
            additions.append(Addition(stream_id, decision.events, now.version, command.at))
    if not additions:
        return outcomes
    try:
        await append_all(conn, decider.domain, additions)
    except ConflictError:
        return [await _outcome(conn, decider, *command) for command in commands]
    return outcomes


async def look(
    conn: AsyncConnection[Any], decider: Decider[StateT, CommandT, EventT], stream_id: str
) -> Decision[StateT, EventT]:
    """A stream as it is now, in the form that `execute` takes as `known`."""
    seen = await _look_at_all(conn, decider, [stream_id])
    return seen.get(stream_id, Decision(decider.initial, [], 0))


def decided(
    decider: Decider[StateT, CommandT, EventT], state: StateT, version: int, command: CommandT
) -> Decision[StateT, EventT]:
    """What comes of a command in that state, if nobody else is first.

    Raises:
        Refused: the rules do not allow it.
    """
    events = decider.decide(state, command)
    return Decision(fold(decider, events, state), events, version + len(events))


async def _record(
    conn: AsyncConnection[Any],
    decider: Decider[StateT, CommandT, EventT],
    stream_id: str,
    command: CommandT,
    decision: Decision[StateT, EventT],
    besides: Besides[StateT, EventT] | None,
) -> Decision[StateT, EventT]:
    more = besides(decision) if besides is not None else None
    expected = decision.version - len(decision.events)
    async with conn.transaction() if more is not None else nullcontext():
        await append(
            conn, decider.domain, stream_id, decision.events, expected=expected, at=command.at
        )
        if more is not None:
            await more(conn)
    return decision


async def _look_at_all(
    conn: AsyncConnection[Any],
    decider: Decider[StateT, CommandT, EventT],
    stream_ids: Iterable[str],
) -> dict[str, Decision[StateT, EventT]]:
    return {
        stream_id: Decision(fold(decider, events_of(decider, rows), decider.initial), [], len(rows))
        for stream_id, rows in (await load(conn, decider.domain, stream_ids)).items()
    }


async def _outcome(
    conn: AsyncConnection[Any],
    decider: Decider[StateT, CommandT, EventT],
    stream_id: str,
    command: CommandT,
) -> Decision[StateT, EventT] | Refused:
    try:
        return await execute(conn, decider, stream_id, command)
    except Refused as refused:
        return refused
