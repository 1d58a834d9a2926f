"""How a shadow does beside the model that serves, on predictions whose actuals have come."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from streams.virality.registry.comparison import Comparison, compare

# One row per prediction that the shadow forecast too and whose actual is known. `video_id` is null
# for a video that had none; views, bands and actuals are plain counts.
PAIR = pl.Schema(
    {
        "prediction_id": pl.String(),
        "video_id": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "horizon_h": pl.Float64(),
        "serving": pl.String(),
        **{f"serving_{end}": pl.Float64() for end in ("predicted", "lower", "upper")},
        **{f"shadow_{end}": pl.Float64() for end in ("predicted", "lower", "upper")},
        "actual": pl.Int64(),
    }
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A model's figures.

    Attributes:
        mae: mean absolute error, log10 of 1 + views.
        coverage: share of the actuals that its 90 % band held.
        width: median of upper / lower, each plus 1.
    """

    mae: float
    coverage: float
    width: float


@dataclass(frozen=True, slots=True)
class ShadowRecord:
    """A shadow beside one model that served.

    Attributes:
        serving: version of the model whose predictions these are.
        predictions: made by both, with an actual.
        since, until: the first and the last of them were made then.
        comparison: the shadow as candidate, by video (registry.comparison); a prediction for no
            video counts as one of its own.
    """

    serving: str
    predictions: int
    since: dt.datetime
    until: dt.datetime
    of_serving: Standing
    of_shadow: Standing
    comparison: Comparison

    def as_json(self) -> dict[str, Any]:
        """For answers and commands."""
        return {**asdict(self), "comparison": self.comparison.as_json()}


def judged(pairs: pl.DataFrame) -> list[ShadowRecord]:
    """The record of a shadow beside each model that served, the one with most predictions first.

    Args:
        pairs: `PAIR`, of one shadow.
    """
    groups = pairs.group_by("serving", maintain_order=True)
    records = [_record(str(serving), rows) for (serving,), rows in groups]
    return sorted(records, key=lambda one: (-one.predictions, one.serving))


def _record(serving: str, rows: pl.DataFrame) -> ShadowRecord:
    errors = rows.select(
        pl.coalesce("video_id", "prediction_id").alias("video_id"),
        "at",
        candidate=_error("shadow"),
        serving=_error("serving"),
    )
    return ShadowRecord(
        serving=serving,
        predictions=rows.height,
        since=rows.select(pl.col("at").min()).item(),
        until=rows.select(pl.col("at").max()).item(),
        of_serving=_standing(rows, "serving"),
        of_shadow=_standing(rows, "shadow"),
        comparison=compare(errors),
    )


def _standing(rows: pl.DataFrame, role: str) -> Standing:
    lower, upper = f"{role}_lower", f"{role}_upper"
    found = rows.select(
        mae=_error(role).mean(),
        coverage=pl.col("actual").is_between(lower, upper).mean(),
        width=((pl.col(upper) + 1) / (pl.col(lower) + 1)).median(),
    )
    return Standing(**found.row(0, named=True))


def _error(role: str) -> pl.Expr:
    predicted, actual = pl.col(f"{role}_predicted"), pl.col("actual")
    return ((predicted + 1).log10() - (actual + 1).log10()).abs()
