"""Channels: their newest counts from snapshots, and what is usual for them from baselines.

Of snapshots the newest by `occurred_at` counts, ties by offset. Of baselines the one that has seen
most of its input counts (`applied_offset`), whatever order they were written in.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from projections.sql import beside
from schemas.catalogue import CHANNEL_SNAPSHOTS, OUTLIER_BASELINES

# What readers want of a baseline. The counts it was made from are the agent's own business.
_BASELINE = ("format", "age_from_h", "n", "median_log10_views", "mad_log10_views")


def fold_snapshots(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Every observation once, and the newest of each channel."""
    by_time = events.sort("channel_id", "occurred_at", "_offset")
    observations = by_time.unique(["channel_id", "occurred_at"], keep="last", maintain_order=True)
    newest = observations.group_by("channel_id", maintain_order=True).agg(
        pl.col("title", "subscribers", "views", "videos").last(),
        pl.col("occurred_at").first().alias("first_observed_at"),
        pl.col("occurred_at").last().alias("last_observed_at"),
        pl.col("_offset").last().alias("observed_offset"),
    )
    return {
        "observations": observations.select(
            "channel_id",
            "subscribers",
            "views",
            "videos",
            observed_at="occurred_at",
            applied_offset="_offset",
        ),
        "snapshots": newest,
    }


def fold_baselines(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The furthest baselines of each channel as a JSON array, ordered by format and age."""
    newest = events.sort("applied_offset", "_offset").unique("channel_id", keep="last")
    kept = pl.struct(pl.element().struct.field(name) for name in _BASELINE)
    entries = pl.col("baselines").list.eval(kept.sort().struct.json_encode())
    return {
        "baselines": newest.sort("channel_id").select(
            "channel_id",
            pl.format("[{}]", entries.list.join(",")).alias("baselines"),
            baseline_as_of="as_of",
            baseline_snapshots="snapshots",
            baseline_applied_offset="applied_offset",
            baseline_log_offset="_offset",
        )
    }


CHANNELS = Projection(
    name="channels",
    version=1,
    statements=beside(__file__),
    sources=(
        Source(CHANNEL_SNAPSHOTS, None, fold_snapshots, ("upsert_snapshots",)),
        Source(
            OUTLIER_BASELINES,
            ("channel_id", "as_of", "snapshots", "baselines", "applied_offset"),
            fold_baselines,
            ("upsert_baselines",),
        ),
    ),
)
