"""Frames of events as a decoder gives them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import polars as pl

from schemas.avro_types import dtype_of
from schemas.catalogue import VIDEO_SNAPSHOTS
from schemas.frames import COORDINATES
from schemas.topic import Topic

START = dt.datetime(2025, 3, 1, tzinfo=dt.UTC)


def frame(topic: Topic, events: Iterable[dict[str, Any]], *, partition: int = 0) -> pl.DataFrame:
    """Events at offsets from 0 on; fields that are left out are null."""
    fields = {f["name"]: dtype_of(f["type"]) for r in topic.records for f in r["fields"]}
    kind: dict[str, Any] = {} if topic.columnar else {"_type": pl.String()}
    rows = [
        {**event, "_partition": partition, "_offset": offset, "_timestamp": START}
        for offset, event in enumerate(events)
    ]
    schema = pl.Schema({**kind, **fields, **COORDINATES})
    return pl.from_dicts([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def snapshots(facts: Iterable[tuple[str, float, int | None]]) -> pl.DataFrame:
    """VideoSnapshots of (video, hours after START, views)."""
    return frame(
        VIDEO_SNAPSHOTS,
        (
            {
                "event_id": f"{video}@{hours}",
                "occurred_at": START + dt.timedelta(hours=hours),
                "video_id": video,
                "channel_id": "channel",
                "title": "title",
                "published_at": START,
                "views": views,
            }
            for video, hours, views in facts
        ),
    )
