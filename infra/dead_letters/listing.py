"""Dead letters for a person."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from infra.dead_letters.box import Letter, Letterbox
from infra.settings import Settings
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.errors import SchemaError
from schemas.registry import Registry
from schemas.topic import Topic

HEX_BYTES = 64  # of a value that cannot be decoded, shown


def summary(settings: Settings, *, done: bool = False) -> list[dict[str, Any]]:
    """Per topic that has dead letters: topic, letters, newest, and the most frequent reasons.

    Args:
        done: count also those that were redriven or dropped.

    Raises:
        LogReadError: a dead-letter topic cannot be read.
    """
    found = []
    for topic in TOPICS.values():
        reasons: Counter[str] = Counter()
        letters = 0
        newest: dt.datetime | None = None
        for letter in Letterbox(settings.kafka_config(), topic).letters(done=done):
            reasons.update({refusal.reason for refusal in letter.refusals})
            letters += 1
            newest = letter.received
        if newest is not None:
            found.append(
                {
                    "topic": topic.name,
                    "letters": letters,
                    "newest": newest.isoformat(timespec="seconds"),
                    "reasons": dict(reasons.most_common(10)),
                }
            )
    return found


def described(settings: Settings, topic: Topic, shown: Iterable[Letter]) -> list[dict[str, Any]]:
    """Letters with coordinates, reasons, and the event, or the bytes where it is none.

    `reason`, `component` and `at` are those of the first refusal; `refusals` has all.
    """
    registry = Registry(settings.registry_config())
    with closing(registry):
        codec = Codec(registry)
        return [
            {
                "record": letter.record,
                "reason": letter.refusals[0].reason,
                "component": letter.refusals[0].component,
                "at": letter.refusals[0].at,
                "refusals": [
                    {
                        "component": refusal.component,
                        "reason": refusal.reason,
                        "at": refusal.at,
                        "done": refusal.done or None,
                    }
                    for refusal in letter.refusals
                ],
                "key": _text(letter.key),
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
