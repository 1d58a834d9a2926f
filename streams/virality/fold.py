"""Engagement events into totals and decayed rates per video."""

from __future__ import annotations

import polars as pl

from schemas.avro_types import TIMESTAMP
from streams.columnar.fold import Folded
from streams.virality.decay import TIME_CONSTANTS, weight
from streams.virality.score import scored


def _count(kind: str) -> pl.Expr:
    return (pl.col("kind") == kind).sum().cast(pl.Int64)


_TOTALS: dict[str, pl.Expr] = {
    "views": _count("view"),
    "likes": _count("like") - _count("unlike"),
    "dislikes": _count("dislike"),
    "comments": _count("comment"),
    "shares": _count("share"),
    "saves": _count("save"),
    "impressions": _count("impression"),
    "watch_ms": pl.col("watch_ms").cast(pl.Int64).sum(),
}


class ViralityFold:
    """State per video: totals, decayed views, and the time at which they stand.

    Sums and a maximum, so the order of events does not matter.
    """

    state = pl.Schema(
        {
            "video_id": pl.String(),
            "channel_id": pl.String(),
            "as_of": TIMESTAMP,
            **{name: pl.Int64() for name in _TOTALS},
            **{f"views_{suffix}": pl.Float64() for suffix in TIME_CONSTANTS},
        }
    )
    columns = ("video_id", "channel_id", "occurred_at", "kind", "watch_ms")

    def __call__(self, rows: pl.DataFrame, events: pl.DataFrame) -> Folded:
        """Add the events to the rows."""
        stands = (
            pl.concat(
                [rows.select("video_id", "as_of"), events.select("video_id", as_of="occurred_at")]
            )
            .group_by("video_id")
            .agg(pl.col("as_of").max())
        )
        added = _added(events.join(stands, on="video_id"))
        kept = _moved(rows, stands)
        summed = [*_TOTALS, *(f"views_{suffix}" for suffix in TIME_CONSTANTS)]
        return Folded(
            pl.concat([kept, added])
            .group_by("video_id")
            .agg(pl.col("channel_id", "as_of").first(), pl.col(summed).sum())
            .select(self.state.names())
        )

    def render(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with score, velocity, acceleration and reasons."""
        return scored(rows)


def _added(events: pl.DataFrame) -> pl.DataFrame:
    """State rows of the events alone, standing at each event's `as_of`."""
    view = pl.col("kind") == "view"
    weights = [
        pl.when(view)
        .then(weight(pl.col("occurred_at"), pl.col("as_of"), tau))
        .otherwise(0.0)
        .alias(f"views_{suffix}")
        for suffix, tau in TIME_CONSTANTS.items()
    ]
    return (
        events.lazy()
        .with_columns(weights)
        .group_by("video_id")
        .agg(
            pl.col("channel_id", "as_of").first(),
            *(total.alias(name) for name, total in _TOTALS.items()),
            pl.col([f"views_{suffix}" for suffix in TIME_CONSTANTS]).sum(),
        )
        .collect()
    )


def _moved(rows: pl.DataFrame, stands: pl.DataFrame) -> pl.DataFrame:
    """The rows with their decayed sums moved forward to where they stand now."""
    moved = rows.join(stands.rename({"as_of": "now"}), on="video_id")
    return (
        moved.with_columns(
            pl.col(f"views_{suffix}") * weight(pl.col("as_of"), pl.col("now"), tau)
            for suffix, tau in TIME_CONSTANTS.items()
        )
        .with_columns(as_of="now")
        .drop("now")
    )
