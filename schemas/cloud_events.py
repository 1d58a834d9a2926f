"""The headers that say of a record what it is: CloudEvents in Kafka's binary mode."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from schemas.list_encoding import micros
from schemas.topic import Topic

Headers = list[tuple[str, bytes | None]]


def cloud_events(
    topic: Topic, source: bytes
) -> Callable[[Sequence[dict[str, Any]]], list[Headers]]:
    """What makes the headers of a topic's events.

    Args:
        source: `ce_source`: who publishes.
    """
    kinds = {
        record["name"]: ("ce_type", f"groundswell.{record['name']}".encode())
        for record in topic.records
    }
    only = topic.records[0]["name"]
    version, content = ("ce_specversion", b"1.0"), ("content-type", b"application/avro")
    made_by = ("ce_source", source)

    def headers(events: Sequence[dict[str, Any]]) -> list[Headers]:
        times = _times([event.get("occurred_at") for event in events])
        return [
            [
                version,
                ("ce_id", str(event.get("event_id", "")).encode()),
                kinds[event.get("_type") or only],
                made_by,
                content,
                *((("ce_time", time),) if time else ()),
            ]
            for event, time in zip(events, times, strict=True)
        ]

    return headers


def _times(instants: list[Any]) -> list[bytes]:
    """RFC 3339 of each, empty for what is no instant; one by one it takes thrice as long."""
    there = [isinstance(one, dt.datetime) and one.tzinfo is not None for one in instants]
    known = [instant if is_one else None for instant, is_one in zip(instants, there, strict=True)]
    coded = np.array([value or 0 for value in micros(known)], dtype="datetime64[us]")
    texts = np.datetime_as_string(coded, unit="us", timezone="UTC").astype("S").tolist()
    return [text if is_one else b"" for text, is_one in zip(texts, there, strict=True)]
