"""Videos: what they are, and their newest counts, from uploads and from snapshots.

Uploads and snapshots come on topics of their own, in no order to each other, so every rule here is
one that does not depend on it: of uploads the newest by `occurred_at` counts, of snapshots the
newest by `occurred_at`, ties by arrival; an upload's word on title, channel and time of publication
comes before a snapshot's. A snapshot that arrives late adds to the history and to nothing else.
After an expiry the tables are what the snapshots that are left fold into, whenever it was read.
"""

from __future__ import annotations

import polars as pl

from projections.observations import EXPIRY_UPSERTS, fold_expiries, observed
from projections.projection import Projection, Source
from schemas.catalogue import EXPIRIES, VIDEO_SNAPSHOTS, VIDEO_UPLOADS
from schemas.sql import beside


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
    """Every observation once."""
    return {
        "observations": observed(events, "video_id").select(
            "video_id",
            "channel_id",
            "title",
            "published_at",
            "duration_s",
            "category",
            "views",
            "likes",
            "comments",
            stored_at="_timestamp",
            observed_at="occurred_at",
            applied_partition="_partition",
            applied_offset="_offset",
        )
    }


VIDEOS = Projection(
    name="videos",
    version=2,
    statements=beside(__file__),
    sources=(
        Source(VIDEO_UPLOADS, None, fold_uploads, ("upsert_uploads",)),
        Source(VIDEO_SNAPSHOTS, None, fold_snapshots, ("upsert_snapshots",)),
        Source(EXPIRIES, ("before",), fold_expiries, EXPIRY_UPSERTS),
    ),
)
