"""The headers that say of a record what it is: CloudEvents in Kafka's binary mode."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from schemas.topic import Topic

Headers = list[tuple[str, bytes | None]]


def cloud_events(topic: Topic, source: bytes) -> Callable[[dict[str, Any]], Headers]:
    """What makes the headers of a topic's events.

    Args:
        source: `ce_source`: who publishes.
    """
    kinds = {
        record["name"]: f"groundswell.{record['name']}".encode() for record in topic.records
    }
    only = topic.records[0]["name"]
    version, content = ("ce_specversion", b"1.0"), ("content-type", b"application/avro")
    made_by = ("ce_source", source)

    def headers(event: dict[str, Any]) -> Headers:
        kind = kinds[event.get("_type") or only]
        found: Headers = [
            version,
            ("ce_id", str(event.get("event_id", "")).encode()),
            ("ce_type", kind),
            made_by,
            content,
        ]
        occurred = event.get("occurred_at")
        if isinstance(occurred, dt.datetime):
            found.append(("ce_time", occurred.isoformat().encode()))
        return found

    return headers
