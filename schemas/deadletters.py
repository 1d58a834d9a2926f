"""Dead letters: records that could not be used, kept as they came with where and why.

The value, key and headers stay untouched, so that a letter can be driven again. Coordinates and
reason are in headers of their own. The letter's key names the record: two readers of a topic may
both send it, and whoever lists letters counts it once.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from schemas.chunks import Chunk, RecordHeaders
from schemas.topic import DLQ_SUFFIX

PREFIX = "groundswell.dlq."
KEY_HEADER = f"{PREFIX}key"


class DeadLetter(NamedTuple):
    """A Kafka record for a dead-letter topic."""

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class Coordinates(NamedTuple):
    """Where a dead letter was first read."""

    topic: str
    partition: int
    offset: int


def dead_letter(chunk: Chunk, row: int, *, reason: str, component: str) -> DeadLetter:
    """The dead letter of one record of a chunk."""
    where = f"{chunk.topic}/{chunk.partition}/{chunk.offsets[row]}"
    facts = {
        "topic": chunk.topic,
        "partition": str(chunk.partition),
        "offset": str(chunk.offsets[row]),
        "reason": reason,
        "component": component,
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
    }
    headers: list[tuple[str, bytes | None]] = [
        *(chunk.headers[row] or ()),
        *((PREFIX + name, value.encode()) for name, value in facts.items()),
        (KEY_HEADER, chunk.keys[row]),
    ]
    return DeadLetter(f"{chunk.topic}{DLQ_SUFFIX}", where.encode(), chunk.values[row], headers)


def facts_of(headers: RecordHeaders) -> dict[str, Any]:
    """What a dead letter's headers say: topic, partition, offset, reason, component, at.

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
