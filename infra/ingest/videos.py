"""Files of videos: with counts at an instant they are observations, without they are uploads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from infra.ingest.columns import Column, require, typed
from infra.ingest.identity import event_ids
from infra.ingest.rows import LINE, Batch
from infra.ingest.sources import columns_of, read
from schemas.catalogue import VIDEO_SNAPSHOTS, VIDEO_UPLOADS
from schemas.topic import Topic

VIDEO = (
    Column("video_id", required=True),
    Column("channel_id", required=True),
    Column("title", required=True),
    Column("published_at", "time", required=True),
    Column("description"),
    Column("duration_s", "seconds", ("duration_s", "duration_iso8601", "duration")),
    Column("category", aliases=("category", "category_id")),
    Column("language", aliases=("language", "lang")),
    Column("_audio_language", aliases=("audio_lang",)),
    Column("tags", "list"),
)
OBSERVED_VIDEO = (
    Column("video_id", required=True),
    Column("channel_id", required=True),
    Column("title"),
    Column("published_at", "time", required=True),
    Column("duration_s", "seconds", ("duration_s", "duration_iso8601", "duration")),
    Column("category", aliases=("category", "category_id")),
    Column("occurred_at", "time", ("captured_at", "snapshot_utc", "date"), required=True),
    Column("views", "count", ("views", "view_count")),
    Column("likes", "count", ("likes", "like_count")),
    Column("comments", "count", ("comments", "comment_count")),
)


def batches(path: Path) -> Iterator[Batch]:
    """One event per row, in the order of the file.

    Raises:
        IngestError: the file cannot be used.
    """
    columns = columns_of(path)
    names = {column.name: column for column in OBSERVED_VIDEO}
    observed = all(names[name].found_in(columns) for name in ("occurred_at", "views"))
    wanted = OBSERVED_VIDEO if observed else VIDEO
    topic: Topic = VIDEO_SNAPSHOTS if observed else VIDEO_UPLOADS
    require(path, columns, wanted, "videos")
    fields = [field["name"] for field in topic.schema["fields"]]
    for rows in read(path):
        frame, bad = typed(rows.frame, wanted, path.name)
        events = snapshots(frame) if observed else uploads(frame)
        yield Batch(topic, path.name, events.select(*fields, LINE), bad=[*rows.bad, *bad])


def uploads(videos: pl.DataFrame) -> pl.DataFrame:
    """VideoUploaded of rows typed as `VIDEO`: it happened when the video was published."""
    return videos.with_columns(
        pl.col("published_at").alias("occurred_at"),
        pl.coalesce("language", "_audio_language").alias("language"),
        pl.col("tags").fill_null([]),
        _known_length(),
        event_ids("upload", videos["video_id"]).alias("event_id"),
    )


def snapshots(videos: pl.DataFrame) -> pl.DataFrame:
    """VideoSnapshot of rows typed as `OBSERVED_VIDEO`."""
    ids = event_ids("video snapshot", videos["video_id"], videos["occurred_at"])
    return videos.with_columns(ids.alias("event_id"), _known_length())


def _known_length() -> pl.Expr:
    # A live stream that has not ended is listed with a length of 0.
    return pl.when(pl.col("duration_s") != 0).then("duration_s").alias("duration_s")
