"""Analyses: where each search for outliers stands, and its story, folded from its life.

An event's `version` is its place in the story. A repeated event has a version that the row has
passed already, and changes nothing.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from projections.stories import story
from schemas.catalogue import OUTLIER_ANALYSES
from schemas.sql import beside

# The other kinds leave the run as it is. A queued one runs from its first step on; a paused one may
# begin a step too (a last answer came in), and waits all the same.
_STATE = {
    "AnalysisRequested": "queued",
    "Paused": "paused",
    "Resumed": "running",
    "Completed": "completed",
    "Failed": "failed",
    "Cancelled": "cancelled",
}
_ENDS = ["Completed", "Failed", "Cancelled"]

# Long, and to be had from the rows of the analysis and of its channels.
_ELSEWHERE = ("request", "results")


def fold_events(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The story's new events, what each says of its analysis (null is "nothing said"), and what
    is known of the channels.

    Which events are news to an analysis's row is for the row to say: a repeated event may stand
    behind a newer one.
    """
    told = events.unique(["analysis_id", "version"], keep="first").sort("analysis_id", "version")
    return {
        "events": story(told, "analysis_id", leave_out=_ELSEWHERE),
        "analyses": told.select("analysis_id", "version", **_said()),
        "found": _of_channels(
            told, "ChannelDiscovered", "title", "subscribers", "query", discovered_at="occurred_at"
        ),
        "scored": _of_channels(
            told, "ChannelAnalyzed", "videos", "outliers", "skipped", analyzed_at="occurred_at"
        ),
    }


def _said() -> dict[str, pl.Expr]:
    """Columns of the analysis's row, by name; null where an event says nothing of it."""
    kind, at = pl.col("_type"), pl.col("occurred_at")

    def of(which: str, column: str) -> pl.Expr:
        return pl.when(kind == which).then(pl.col(column))

    return {
        "state": kind.replace_strict(_STATE, default=None, return_dtype=pl.String),
        "user_id": of("AnalysisRequested", "user_id"),
        "request": of("AnalysisRequested", "request"),
        "step": of("StepStarted", "step"),
        "message": of("StepStarted", "message"),
        "progress": pl.when(kind == "Completed").then(100.0).otherwise(pl.col("progress")),
        "games": of("ExclusionBuilt", "games"),
        "competitors": of("ExclusionBuilt", "channels"),
        "unresolved": of("ExclusionBuilt", "unresolved"),
        "reason": pl.when(kind.is_in(["Paused", "Cancelled"])).then(pl.col("reason")),
        "resumes_at": of("Paused", "resumes_at"),
        "error": of("Failed", "error"),
        "summary": of("Completed", "summary"),
        "results": of("Completed", "results"),
        "requested_at": of("AnalysisRequested", "occurred_at"),
        "started_at": of("StepStarted", "occurred_at"),
        "finished_at": pl.when(kind.is_in(_ENDS)).then(at),
        "updated_at": at,
    }


def _of_channels(told: pl.DataFrame, kind: str, *columns: str, **renamed: str) -> pl.DataFrame:
    """Of each channel the first event of that kind."""
    own = told.filter(pl.col("_type") == kind)
    first = own.unique(["analysis_id", "channel_id"], keep="first", maintain_order=True)
    return first.select(
        "analysis_id", "channel_id", *columns, **{n: pl.col(c) for n, c in renamed.items()}
    )


ANALYSES = Projection(
    name="analyses",
    version=1,
    statements=beside(__file__),
    sources=(
        Source(
            OUTLIER_ANALYSES,
            None,
            fold_events,
            (
                "upsert_events",
                "insert_analyses",
                "update_analyses",
                "insert_found",
                "insert_scored",
            ),
        ),
    ),
)
