"""The drift alarm: a model's errors on predictions whose actuals have come, watched by ADWIN.

What is watched is each error in half-widths of its own band, held to `_FAR`: predictions of one day
after publication and of a month before it err by very different amounts, and a change of what is
asked for is no drift of the model. What is told is the plain error, before the change and since.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from streams.virality.drift.adwin import Adwin

# One row per prediction of one model whose actual is known; `at` is when the video had that many
# views. Views and bands are plain counts.
JUDGED = pl.Schema(
    {
        "prediction_id": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        **dict.fromkeys(("predicted", "lower", "upper"), pl.Float64()),
        "actual": pl.Int64(),
    }
)

_FAR = 3.0  # half-widths of the band; whatever is further off counts as that far
_NARROWEST = 0.01  # log10 views: half of a band that has no width


@dataclass(frozen=True, slots=True)
class Drift:
    """What became of a model's errors.

    Attributes:
        watched: predictions with actuals.
        since: the newest stretch in which nothing changed began with an actual of then; None:
            nothing ever changed.
        noticed: with an actual of then it was beyond doubt.
        error_before, error_after: mean absolute errors, log10 of 1 + views, of all that came before
            `since`, and from then on; of all in `error_after` where nothing changed. None: of none.
        coverage_before, coverage_after: shares that the bands held, likewise.
    """

    watched: int
    since: dt.datetime | None = None
    noticed: dt.datetime | None = None
    error_before: float | None = None
    error_after: float | None = None
    coverage_before: float | None = None
    coverage_after: float | None = None

    @property
    def worse(self) -> bool:
        """Whether the errors have grown: the alarm."""
        if self.error_before is None or self.error_after is None:
            return False
        return self.error_after > self.error_before


def drift_of(judged: pl.DataFrame) -> Drift:
    """Watch a model's errors from its first actual to its last; the same rows give the same.

    Args:
        judged: `JUDGED`, in any order.
    """
    rows = judged.sort("at", "prediction_id").select(
        "at",
        error=_error(),
        share=(_error() / pl.max_horizontal(_half_width(), _NARROWEST) / _FAR).clip(0, 1),
        inside=pl.col("actual").is_between("lower", "upper"),
    )
    window, noticed = Adwin(), None
    for number, share in enumerate(rows["share"].to_list()):
        if window.add(share):
            noticed = number
    start = rows.height - window.width
    before, after = rows[:start], rows[start:]
    return Drift(
        watched=rows.height,
        since=None if noticed is None else after["at"][0],
        noticed=None if noticed is None else rows["at"][noticed],
        error_before=_mean(before, "error"),
        error_after=_mean(after, "error"),
        coverage_before=_mean(before, "inside"),
        coverage_after=_mean(after, "inside"),
    )


def _mean(rows: pl.DataFrame, name: str) -> float | None:
    found = rows.select(pl.col(name).cast(pl.Float64).mean()).item()
    return None if found is None else float(found)


def _error() -> pl.Expr:
    return (_log("predicted") - _log("actual")).abs()


def _half_width() -> pl.Expr:
    return (_log("upper") - _log("lower")) / 2


def _log(name: str) -> pl.Expr:
    return (pl.col(name) + 1).log10()
