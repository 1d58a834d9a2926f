"""Virality: the furthest score of each video, and one score a minute for its history.

The topic is compacted and may hold an old row after a newer one (a worker that slept). The row that
has seen most of its input wins (`applied_offset`), ties by its own offset in the log.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from schemas.catalogue import VIRALITY_SCORES
from schemas.sql import beside

# Time constants of the decayed figures in seconds, as in the docs of the schema.
_TIME_CONSTANTS = {"1h": 3600, "6h": 6 * 3600, "24h": 24 * 3600, "7d": 7 * 24 * 3600}

_AGENTS_OWN = ("viewers", "generation")
_COLUMNS = tuple(
    field["name"] for field in VIRALITY_SCORES.schema["fields"] if field["name"] not in _AGENTS_OWN
)


def fold_scores(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The furthest row of each video, and of each video and minute."""
    ordered = events.sort("video_id", "applied_offset", "_offset").rename({"_offset": "log_offset"})
    newest = ordered.unique("video_id", keep="last", maintain_order=True)
    minute = ordered.with_columns(minute=pl.col("as_of").dt.truncate("1m"))
    history = minute.unique(["video_id", "minute"], keep="last", maintain_order=True)
    return {
        "scores": newest.select(*_COLUMNS, *_ranks(), "log_offset"),
        "history": history.select(
            "video_id",
            "minute",
            "as_of",
            "score",
            "views",
            "velocity",
            "applied_offset",
            "log_offset",
        ),
    }


def _ranks() -> list[pl.Expr]:
    """`rank_1h` and so on: ln(decayed views) + as_of / time constant; null without views."""
    # Times the reciprocal: Polars divides a single row by another way than several, and the last
    # bit would say how the log was cut.
    as_of_us = pl.col("as_of").dt.timestamp("us")
    return [
        pl.when(pl.col(f"views_{window}") > 0)
        .then(pl.col(f"views_{window}").log() + as_of_us * (1e-6 / seconds))
        .alias(f"rank_{window}")
        for window, seconds in _TIME_CONSTANTS.items()
    ]


VIRALITY = Projection(
    name="virality",
    version=4,
    statements=beside(__file__),
    sources=(
        Source(
            VIRALITY_SCORES,
            _COLUMNS,
            fold_scores,
            ("upsert_scores", "upsert_history"),
            deletes=("delete_scores", "delete_history"),
            tables={"scores": "virality_scores", "history": "virality_history"},
        ),
    ),
)
