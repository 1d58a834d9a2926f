"""Files of daily views: what is usable, and what was refused and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.evaluation.errors import EvaluationError
from streams.virality.growth.curves import Curves

DAYS = 120  # later ones are not looked at
LEAST_DAYS = 119

_COLUMNS = ("video_id", "category", "daily_views")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DailyViews:
    """The usable rows of a file.

    Attributes:
        frame: `video_id` and `category` String, `daily_views` List(Float64) of 119 or 120 days,
            each at least 0, and the other columns as they were.
        given: rows of the file.
        refused: rows that are not in `frame`, by reason.
    """

    frame: pl.DataFrame
    given: int
    refused: dict[str, int]

    def without(self, ids: pl.Series, reason: str) -> DailyViews:
        """The rows of other videos; the ones left out are counted under `reason`."""
        shared = self.frame["video_id"].is_in(ids.implode())
        if not shared.any():
            return self
        refused = {**self.refused, reason: int(shared.sum())}
        return DailyViews(self.frame.filter(~shared), self.given, refused)

    def curves(self, categories: tuple[str, ...]) -> Curves:
        """The rows as arrays."""
        daily = np.full((self.frame.height, DAYS), np.nan)
        for row, days in zip(daily, self.frame["daily_views"].to_list(), strict=True):
            row[: len(days)] = days
        code = self.frame["category"].replace_strict(
            list(categories), list(range(len(categories))), default=-1, return_dtype=pl.Int64
        )
        return Curves(daily, code.to_numpy().astype(np.int64), categories)

    def rows(self) -> dict[str, Any]:
        """How many rows there were, were used and refused."""
        return {"given": self.given, "used": self.frame.height, "refused": self.refused}


def read(frame: pl.DataFrame, what: str) -> DailyViews:
    """Check a file's rows.

    Refused are rows without an id, with a null, negative or infinite day, with fewer than 119 days,
    without a single view, and those of an id after its first good one. A null category is
    "unknown".

    Args:
        frame: `video_id` String, `category` String, `daily_views` List of numbers, day by day.
        what: the file, as errors name it.

    Raises:
        EvaluationError: a column is absent or of another kind, or no row can be used.
    """
    _check_columns(frame, what)
    if not frame.height:
        raise EvaluationError(f"{what} has no rows")
    days = pl.col("daily_views")
    rows = frame.with_columns(
        pl.col("video_id").cast(pl.String),
        pl.col("category").cast(pl.String).fill_null("unknown"),
        days.cast(pl.List(pl.Float64)).list.head(DAYS),
    ).with_columns(_reason=_first(_refusals(days)))
    good = rows.filter(pl.col("_reason").is_null()).drop("_reason")
    kept = good.unique("video_id", keep="first", maintain_order=True)
    refused = dict(rows["_reason"].drop_nulls().value_counts(sort=True).iter_rows())
    if kept.height < good.height:
        refused["id came before"] = good.height - kept.height
    if not kept.height:
        raise EvaluationError(f"{what} has no usable row: {_listed(refused)}")
    return DailyViews(kept, frame.height, refused)


def vocabulary(views: DailyViews) -> tuple[str, ...]:
    """The categories that come up, in order."""
    return tuple(sorted(views.frame["category"].unique().to_list()))


def _check_columns(frame: pl.DataFrame, what: str) -> None:
    missing = [name for name in _COLUMNS if name not in frame.columns]
    if missing:
        raise EvaluationError(
            f"{what} has no column {', '.join(missing)}; needed are {', '.join(_COLUMNS)}"
        )
    for name in ("video_id", "category"):
        if frame.schema[name].is_nested():
            raise EvaluationError(f"{what}: {name} holds {frame.schema[name]}, not a name a row")
    kind = frame.schema["daily_views"]
    inner = kind.inner if isinstance(kind, pl.List | pl.Array) else None
    if inner is None or not (inner.is_numeric() or inner == pl.Null):
        raise EvaluationError(f"{what}: daily_views holds {kind}, not a list of numbers a row")


def _refusals(days: pl.Expr) -> dict[str, pl.Expr]:
    """What is wrong with a row, by reason; the first that holds counts."""
    return {
        "no video_id": pl.col("video_id").is_null(),
        "no daily_views": days.is_null(),
        f"fewer than {LEAST_DAYS} days": days.list.len() < LEAST_DAYS,
        "a day is null": days.list.eval(pl.element().is_null()).list.any(),
        "a day is no number": days.list.eval(~pl.element().is_finite()).list.any(),
        "negative views": days.list.min() < 0,
        "no views at all": days.list.sum() <= 0,
    }


def _first(reasons: dict[str, pl.Expr]) -> pl.Expr:
    return pl.coalesce(pl.when(holds).then(pl.lit(reason)) for reason, holds in reasons.items())


def _listed(refused: dict[str, int]) -> str:
    return ", ".join(f"{count} x {reason}" for reason, count in refused.items())
