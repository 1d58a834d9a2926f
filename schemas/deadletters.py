"""Dead letters: records that could not be used, kept as they came with where and why.

The value, key and headers stay untouched, so that a letter can be driven again. Coordinates and
reason are in headers of their own. The letter's key names the record: two components may both
refuse it, and one may send its letter twice.

What became of a letter is in the same topic, in a note with the letter's key, so that a note lives
at least as long as the letters that it is about. So is when a redrive began, and that it is over.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, NamedTuple

from schemas.chunks import Chunk, RecordHeaders
from schemas.redrive import address_of
from schemas.topic import DLQ_SUFFIX

PREFIX = "groundswell.dlq."
KEY_HEADER = f"{PREFIX}key"
DONE_HEADER = f"{PREFIX}done"
ADDRESS_HEADER = f"{PREFIX}address"
COPY_HEADER = f"{PREFIX}copy"
RUN_HEADER = f"{PREFIX}run"
ENDS_HEADER = f"{PREFIX}ends"


class DeadLetter(NamedTuple):
    """A Kafka record for a dead-letter topic."""

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class Note(NamedTuple):
    """What became of a letter.

    Attributes:
        record: the key of the letter.
        done: `redriven`, `dropped`, or `superseded`: the log has a newer row of its key.
        addresses: of the components whose refusals are done with.
        copy: position of the copy; empty without one.
    """

    record: bytes | None
    done: str
    addresses: frozenset[str]
    copy: str = ""


class Run(NamedTuple):
    """That a redrive begins, written before its first copy; or, without ends, that it is over.

    Attributes:
        ends: where each partition of the topic ended when it began: its copies stand behind.
    """

    id: str
    ends: dict[int, int]


def dead_letter(
    chunk: Chunk, row: int, *, reason: str, component: str, state: str = ""
) -> DeadLetter:
    """The dead letter of one record of a chunk.

    Args:
        state: name of the state that the component keeps, where it keeps one that is not built
            anew from the log whenever its code changes.
    """
    where = f"{chunk.topic}/{chunk.partition}/{chunk.offsets[row]}"
    facts = {
        "topic": chunk.topic,
        "partition": str(chunk.partition),
        "offset": str(chunk.offsets[row]),
        "reason": reason,
        "component": component,
        "at": _now(),
        **({"state": state} if state else {}),
    }
    headers: list[tuple[str, bytes | None]] = [
        *(chunk.headers[row] or ()),
        *((PREFIX + name, value.encode()) for name, value in facts.items()),
        (KEY_HEADER, chunk.keys[row]),
    ]
    return DeadLetter(f"{chunk.topic}{DLQ_SUFFIX}", where.encode(), chunk.values[row], headers)


def address_in(facts: dict[str, Any]) -> str:
    """The address of the component that has sent a letter with these facts."""
    return address_of(str(facts.get("component", "")), str(facts.get("state", "")))


def note_headers(note: Note) -> list[tuple[str, bytes | None]]:
    """The headers of a note's record, which has the letter's key and no value."""
    return [
        (DONE_HEADER, note.done.encode()),
        *((ADDRESS_HEADER, address.encode()) for address in sorted(note.addresses)),
        *(((COPY_HEADER, note.copy.encode()),) if note.copy else ()),
        (f"{PREFIX}at", _now().encode()),
    ]


def note_of(key: bytes | None, headers: RecordHeaders) -> Note | None:
    """The note that a record of a dead-letter topic is; None of a letter."""
    done = copy = ""
    addresses = set()
    for name, value in headers:
        text = (value or b"").decode(errors="replace")
        if name == DONE_HEADER:
            done = text
        elif name == COPY_HEADER:
            copy = text
        elif name == ADDRESS_HEADER:
            addresses.add(text)
    return Note(key, done, frozenset(addresses), copy) if done else None


def run_headers(run: Run) -> list[tuple[str, bytes | None]]:
    """The headers of a run's record, which has no value."""
    ends = json.dumps(run.ends).encode() if run.ends else None
    return [(RUN_HEADER, run.id.encode()), (ENDS_HEADER, ends), (f"{PREFIX}at", _now().encode())]


def run_of(headers: RecordHeaders) -> Run | None:
    """The run that a record of a dead-letter topic tells of; None where it tells of none."""
    found = dict(headers)
    name, ends = found.get(RUN_HEADER), found.get(ENDS_HEADER)
    if name is None:
        return None
    known = json.loads(ends) if ends is not None else {}
    return Run(name.decode(), {int(partition): end for partition, end in known.items()})


def facts_of(headers: RecordHeaders) -> dict[str, Any]:
    """What a dead letter's headers say: topic, partition, offset, reason, component, at, state.

    Returns:
        The facts by name, partition and offset as integers; the record's own key as bytes under
        `key`, its own headers under `headers`.
    """
    facts: dict[str, Any] = {"key": None, "headers": []}
    for name, value in headers:
        if name == KEY_HEADER:
            facts["key"] = value
        elif name.startswith(PREFIX) and value is not None:
            facts[name.removeprefix(PREFIX)] = value.decode()
        else:
            facts["headers"].append((name, value))
    for name in ("partition", "offset"):
        if name in facts:
            facts[name] = int(facts[name])
    return facts


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
