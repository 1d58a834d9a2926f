"""Videos: what they are, and their newest counts, from uploads and from snapshots.

Uploads and snapshots come on topics of their own, in no order to each other, so every rule here is
one that does not depend on it: of uploads the newest by `occurred_at` counts, of snapshots the
newest by `occurred_at`, ties by offset; an upload's word on title, channel and time of publication
comes before a snapshot's. A snapshot that arrives late adds to the history and to nothing else.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from projections.sql import beside
from schemas.catalogue import VIDEO_SNAPSHOTS, VIDEO_UPLOADS


def fold_uploads(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The newest upload event of each video."""
    newest = events.sort("occurred_at", "_offset").unique("video_id", keep="last")
    return {
        "uploads": newest.sort("video_id").select(
            "video_id",
            "channel_id",
            "title",
            "description",
            "duration_s",
            "category",
            "language",
            "tags",
            "published_at",
            uploaded_at="occurred_at",
            uploaded_offset="_offset",
        )
    }


def fold_snapshots(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Every observation once, and the newest of each video."""
    by_time = events.sort("video_id", "occurred_at", "_offset")
    observations = by_time.unique(["video_id", "occurred_at"], keep="last", maintain_order=True)
    newest = observations.group_by("video_id", maintain_order=True).agg(
        pl.col(
            "channel_id",
            "title",
            "published_at",
            "duration_s",
            "category",
            "views",
            "likes",
            "comments",
        ).last(),
        pl.col("occurred_at").first().alias("first_observed_at"),
        pl.col("occurred_at").last().alias("last_observed_at"),
        pl.col("_partition").last().alias("observed_partition"),
        pl.col("_offset").last().alias("observed_offset"),
    )
    return {
        "observations": observations.select(
            "video_id",
            "views",
            "likes",
            "comments",
            observed_at="occurred_at",
            applied_partition="_partition",
            applied_offset="_offset",
        ),
        "snapshots": newest,
    }


VIDEOS = Projection(
    name="videos",
    version=1,
    statements=beside(__file__),
    sources=(
        Source(VIDEO_UPLOADS, None, fold_uploads, ("upsert_uploads",)),
        Source(VIDEO_SNAPSHOTS, None, fold_snapshots, ("upsert_snapshots",)),
    ),
)
