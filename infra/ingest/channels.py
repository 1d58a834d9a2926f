"""Files of channels: their cumulative counts, one row per channel and day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infra.ingest.columns import Column, require, typed
from infra.ingest.identity import event_ids
from infra.ingest.rows import LINE, Batch
from infra.ingest.sources import columns_of, read
from schemas.catalogue import CHANNEL_SNAPSHOTS

# A date without a time is its first instant, UTC: the file does not know more.
CHANNEL = (
    Column("channel_id", required=True),
    Column("occurred_at", "time", ("captured_at", "snapshot_utc", "date_utc", "date"), True),
    Column("title", aliases=("title", "channel_title")),
    Column("subscribers", "count"),
    Column("views", "count"),
    Column("videos", "count"),
)


def batches(path: Path) -> Iterator[Batch]:
    """One ChannelSnapshot per row, in the order of the file.

    Raises:
        IngestError: the file cannot be used.
    """
    require(path, columns_of(path), CHANNEL, "channels")
    fields = [field["name"] for field in CHANNEL_SNAPSHOTS.schema["fields"]]
    for rows in read(path):
        frame, bad = typed(rows.frame, CHANNEL, path.name)
        ids = event_ids("channel snapshot", frame["channel_id"], frame["occurred_at"])
        events = frame.with_columns(ids.alias("event_id")).select(*fields, LINE)
        yield Batch(CHANNEL_SNAPSHOTS, path.name, events, bad=[*rows.bad, *bad])
