"""Dead letters as they lie in their topics."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from infra.log_reader import opened
from infra.settings import Settings
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.deadletters import facts_of
from schemas.errors import SchemaError
from schemas.registry import Registry
from schemas.topic import Topic

HEX_BYTES = 64  # of a value that cannot be decoded, shown


@dataclass(frozen=True)
class Letter:
    """One dead letter.

    Attributes:
        offset: its own, in the dead-letter topic.
        received: when the dead-letter topic got it.
        record: the letter's key, which names the record: `topic/partition/offset`.
        facts: what its headers say: topic, partition, offset, reason, component, at, key.
        value: the record's value as it came.
        headers: the record's own headers.
    """

    offset: int
    received: dt.datetime
    record: str
    facts: dict[str, Any]
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def letters(settings: Settings, topic: Topic) -> Iterator[Letter]:
    """The dead letters of a topic in the order in which they came; a repeated one only once.

    Raises:
        LogReadError: the dead-letter topic cannot be read.
    """
    seen: set[bytes | None] = set()
    with opened(settings.kafka_config()) as reader:
        for partition, (first, last) in reader.slices(topic.dlq).items():
            for chunk in reader.chunks(topic.dlq, partition, first, last):
                for row, key in enumerate(chunk.keys):
                    # Two readers of a topic may both have sent it.
                    if key is not None and key in seen:
                        continue
                    seen.add(key)
                    facts = facts_of(chunk.headers[row])
                    headers = facts.pop("headers")
                    yield Letter(
                        chunk.offsets[row],
                        dt.datetime.fromtimestamp(chunk.timestamps[row] / 1000, dt.UTC),
                        (key or b"").decode(errors="replace"),
                        facts,
                        chunk.values[row],
                        headers,
                    )


def summary(settings: Settings) -> list[dict[str, Any]]:
    """Per topic that has dead letters: topic, letters, newest, and the most frequent reason."""
    found = []
    for topic in TOPICS.values():
        reasons: Counter[str] = Counter()
        newest: dt.datetime | None = None
        for letter in letters(settings, topic):
            reasons[str(letter.facts.get("reason", "unknown"))] += 1
            newest = letter.received
        if newest is not None:
            found.append(
                {
                    "topic": topic.name,
                    "letters": reasons.total(),
                    "newest": newest.isoformat(timespec="seconds"),
                    "reasons": dict(reasons.most_common(10)),
                }
            )
    return found


def described(settings: Settings, topic: Topic, shown: list[Letter]) -> list[dict[str, Any]]:
    """Letters for a person: coordinates, reason, and the event, or the bytes where it is none."""
    registry = Registry(settings.registry_config())
    with closing(registry):
        codec = Codec(registry)
        return [
            {
                "record": letter.record,
                "reason": letter.facts.get("reason"),
                "component": letter.facts.get("component"),
                "at": letter.facts.get("at"),
                "key": _text(letter.facts.get("key")),
                "headers": {name: _text(value) for name, value in letter.headers},
                **_value(codec, topic, letter),
            }
            for letter in shown
        ]


def _value(codec: Codec, topic: Topic, letter: Letter) -> dict[str, Any]:
    if letter.value is None:
        return {"event": None, "bytes": 0}
    try:
        return {"event": codec.decode(topic, letter.value, letter.headers)}
    except SchemaError:
        shown = letter.value[:HEX_BYTES].hex(" ")
        return {"bytes": len(letter.value), "hex": shown}


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")
