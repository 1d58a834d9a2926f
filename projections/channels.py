"""Channels: their newest counts from snapshots, and what is usual for them from baselines.

Of snapshots the newest by `occurred_at` counts, ties by arrival. Of baselines the one that has seen
most of its input counts (`applied_offset`), whatever order they were written in; of the tests of a
day the furthest row that still knows the day. Where a channel's days do not add up to what later
rows say has left them, tests were not read (compaction has dropped rows, or one took in more than
eight days at once): the next day that is known is marked as one before which tests are missing.
After an expiry the tables are what the snapshots that are left fold into; baselines stay.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from projections.observations import EXPIRY_UPSERTS, fold_expiries, observed
from projections.projection import Projection, Source
from schemas.catalogue import CHANNEL_SNAPSHOTS, EXPIRIES, OUTLIER_BASELINES
from schemas.sql import beside

# What readers want of a baseline. The counts it was made from are the agent's own business.
_BASELINE = (
    "format",
    "age_from_h",
    "n",
    "median_log10_views",
    "mad_log10_views",
    "scale_log10",
    "df",
)


def fold_snapshots(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Every observation once."""
    return {
        "observations": observed(events, "channel_id").select(
            "channel_id",
            "title",
            "subscribers",
            "views",
            "videos",
            stored_at="_timestamp",
            observed_at="occurred_at",
            applied_offset="_offset",
        )
    }


def fold_baselines(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The furthest baselines of each channel as a JSON array, ordered by format and age; and how
    many of its videos were judged on each day, as the furthest row that still knows the day has it.
    """
    newest = events.sort("applied_offset", "_offset").unique("channel_id", keep="last")
    kept = pl.struct(pl.element().struct.field(name) for name in _BASELINE)
    entries = pl.col("baselines").list.eval(kept.sort().struct.json_encode())
    return {
        "tests": _tests(events),
        "baselines": newest.sort("channel_id").select(
            "channel_id",
            pl.format("[{}]", entries.list.join(",")).alias("baselines"),
            baseline_as_of="as_of",
            baseline_snapshots="snapshots",
            baseline_applied_offset="applied_offset",
            baseline_log_offset="_offset",
        ),
    }


def _tests(events: pl.DataFrame) -> pl.DataFrame:
    """Tests of each channel and day (UTC), and of all its days before.

    The oldest day that a row knows is there even without tests: so that of a row without any day it
    is seen what has gone.
    """
    row = ("channel_id", "applied_offset", "_offset", "tests_gone")
    known = (
        events.select(*row, pl.int_range(pl.len()).alias("_row"), "days")
        .explode("days", empty_as_null=False, keep_nulls=False)
        .unnest("days")
        .with_columns(pl.col("day").dt.date())
    )
    oldest = events.select(
        *row,
        pl.int_range(pl.len()).alias("_row"),
        day=pl.max_horizontal(pl.col("as_of").dt.date().dt.offset_by("-7d"), pl.lit(dt.date.min)),
        tests=pl.lit(0, pl.Int64),
    )
    return (
        pl.concat([known, oldest])
        .group_by("_row", *row, "day")
        .agg(pl.col("tests").sum())
        .sort("_row", "day")
        .with_columns(
            earlier=pl.col("tests_gone")
            + pl.col("tests").cum_sum().over("_row", order_by="day")
            - pl.col("tests")
        )
        .sort("applied_offset", "_offset", maintain_order=True)
        .unique(["channel_id", "day"], keep="last", maintain_order=True)
        .select(
            "channel_id",
            "day",
            "tests",
            "earlier",
            "applied_offset",
            log_offset="_offset",
        )
    )


CHANNELS = Projection(
    name="channels",
    version=4,
    statements=beside(__file__),
    sources=(
        Source(CHANNEL_SNAPSHOTS, None, fold_snapshots, ("upsert_snapshots",)),
        Source(
            OUTLIER_BASELINES,
            (
                *("channel_id", "as_of", "snapshots", "baselines", "days", "tests_gone"),
                "applied_offset",
            ),
            fold_baselines,
            ("upsert_baselines", "upsert_tests", "mark_missing_tests"),
        ),
        Source(EXPIRIES, ("before",), fold_expiries, EXPIRY_UPSERTS),
    ),
)
