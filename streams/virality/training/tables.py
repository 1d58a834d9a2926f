"""Frames of the log into the videos and counts that are trained on."""

from __future__ import annotations

import polars as pl

from schemas.avro_types import TIMESTAMP
from streams.virality.moments_of.text import described

_VIDEO = {
    "video_id": pl.String(),
    "channel_id": pl.String(),
    "published_at": TIMESTAMP,
    "title": pl.String(),
    "description_length": pl.Int64(),
    "links": pl.Int64(),
    "tags": pl.List(pl.String()),
    "category": pl.String(),
    "language": pl.String(),
    "duration_s": pl.Int64(),
}
_COUNT = {
    "video_id": pl.String(),
    "at": TIMESTAMP,
    "views": pl.Int64(),
    "likes": pl.Int64(),
    "comments": pl.Int64(),
}

# What of each topic is needed; only these columns are decoded.
UPLOAD_COLUMNS = (
    "video_id", "channel_id", "published_at", "title", "description", "tags", "category",
    "language", "duration_s",
)  # fmt: skip
SNAPSHOT_COLUMNS = (
    "video_id", "channel_id", "published_at", "title", "category", "duration_s", "occurred_at",
    "views", "likes", "comments",
)  # fmt: skip
ENGAGEMENT_COLUMNS = ("event_id", "video_id", "occurred_at", "kind")

_KINDS = {"view": "views", "like": "likes", "unlike": "unlikes", "comment": "comments"}


def videos_of(uploads: pl.DataFrame, snapshots: pl.DataFrame) -> pl.DataFrame:
    """Videos as `AsOf` takes them: what their uploads say, else their newest snapshot.

    Args:
        uploads: `UPLOAD_COLUMNS`, in the order of the log.
        snapshots: `SNAPSHOT_COLUMNS`, in the order of the log.
    """
    told = uploads.with_columns(described(uploads.columns))
    seen = snapshots.sort("occurred_at", maintain_order=True).with_columns(
        pl.col("title").fill_null("")
    )
    return (
        pl.concat([_shaped(seen, _VIDEO), _shaped(told, _VIDEO)])
        .drop_nulls(["video_id", "published_at"])
        .unique("video_id", keep="last", maintain_order=True)
    )


def observations_of(
    snapshots: pl.DataFrame, hourly: pl.DataFrame, videos: pl.DataFrame
) -> pl.DataFrame:
    """Counts as `AsOf` takes them: snapshots, and engagement of videos that have none.

    Args:
        snapshots: `SNAPSHOT_COLUMNS`.
        hourly: from `hourly_engagement`.
        videos: those that are known.
    """
    seen = _shaped(snapshots.rename({"occurred_at": "at"}), _COUNT)
    return pl.concat([seen, _engaged(hourly, snapshots, videos)])


def hourly_engagement(events: pl.LazyFrame) -> pl.DataFrame:
    """Events by video and hour: `video_id`, `hour`, `views`, `likes`, `unlikes`, `comments`.

    Each event_id counts once within its hour.

    Args:
        events: `ENGAGEMENT_COLUMNS`; collected as a stream, so any number of them.
    """
    kind = pl.col("kind").cast(pl.String)
    counted = [
        pl.col("event_id").filter(kind == name).n_unique().cast(pl.Int64).alias(column)
        for name, column in _KINDS.items()
    ]
    return (
        events.filter(kind.is_in(list(_KINDS)))
        .group_by("video_id", pl.col("occurred_at").dt.truncate("1h").alias("hour"))
        .agg(counted)
        .collect(engine="streaming")
        .sort("video_id", "hour")
    )


def _engaged(hourly: pl.DataFrame, snapshots: pl.DataFrame, videos: pl.DataFrame) -> pl.DataFrame:
    """Running counts at the end of each hour with events."""
    unseen = hourly.join(snapshots.select("video_id"), on="video_id", how="anti").join(
        videos.select("video_id"), on="video_id", how="semi"
    )
    running = {name: pl.col(name).cum_sum().over("video_id") for name in ("views", "comments")}
    likes = (pl.col("likes") - pl.col("unlikes")).cum_sum().over("video_id").clip(0)
    return _shaped(
        unseen.sort("video_id", "hour").with_columns(
            at=pl.col("hour").dt.offset_by("1h"), likes=likes, **running
        ),
        _COUNT,
    )


def _shaped(frame: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """The columns of a schema; those that are absent are null."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )
