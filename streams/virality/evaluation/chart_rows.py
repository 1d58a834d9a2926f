"""Rows to learn from and to measure on, out of charts' tables: features, what came, and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.evaluation.errors import EvaluationError
from streams.virality.features import feature_table
from streams.virality.moments_of.as_of import AsOf
from streams.virality.moments_of.charts import Chart, UnusableTableError, from_chart

Floats = npt.NDArray[np.float64]

LEAST_TRAINING_ROWS = 500
_SLICE = 20_000  # moments at once: their histories take memory


@dataclass(frozen=True)
class Rows:
    """One row per moment asked.

    Attributes:
        features: the feature table.
        asked: `video_id`, `channel_id`; `at`, the moment; `known_at`, when the outcome was
            observed; `title` and `tags`.
        outcome: what is to be predicted.
    """

    features: pl.DataFrame
    asked: pl.DataFrame
    outcome: Floats

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.asked.height

    def where(self, kept: pl.Series | pl.Expr) -> Rows:
        """Those for which a condition on `asked` holds."""
        mask = kept if isinstance(kept, pl.Series) else self.asked.select(kept).to_series()
        return Rows(
            self.features.filter(mask), self.asked.filter(mask), self.outcome[mask.to_numpy()]
        )


@dataclass(frozen=True)
class Split:
    """What is learnt from, what is measured on, and what was left out, by the reason."""

    train: Rows
    test: Rows
    refused: dict[str, int]


def split(
    videos: pl.DataFrame,
    snapshots: pl.DataFrame,
    train_until: dt.datetime,
    test_from: dt.datetime,
    outcomes: Callable[[Chart], tuple[pl.DataFrame, dict[str, int]]],
) -> Split:
    """Rows of both parts, features as of each moment.

    A row is learnt from if its outcome was observed before `train_until`; it is measured on if its
    moment is at or after `test_from`.

    Args:
        videos: see `moments_of.charts.from_chart`; so `snapshots`.
        train_until: times without a zone are UTC; so `test_from`.
        test_from: not before `train_until`.
        outcomes: makes of a chart the rows to ask for, in any order: `video_id`, `at`, `known_at`,
            `horizon_h`, `outcome`; and what it left out.

    Raises:
        EvaluationError: a table cannot be used, the times overlap, or a part is too small.
    """
    until, since = _utc(train_until), _utc(test_from)
    if since < until:
        raise EvaluationError(
            f"what is measured on begins at {since:%Y-%m-%d %H:%M} UTC, before what is learnt from "
            f"ends at {until:%Y-%m-%d %H:%M} UTC"
        )
    try:
        chart = from_chart(videos, snapshots)
    except UnusableTableError as error:
        raise EvaluationError(str(error)) from error
    asked, left_out = outcomes(chart)
    asked = asked.sort("at", "video_id", "known_at")
    trained, tested = pl.col("known_at") < until, pl.col("at") >= since
    between = asked.filter(~trained & ~tested).height
    rows = _featured(chart, asked.filter(trained | tested))
    parts = Split(
        rows.where(trained),
        rows.where(tested),
        {**chart.refused, **left_out, "rows between learning and measuring": between},
    )
    if parts.train.height < LEAST_TRAINING_ROWS:
        raise EvaluationError(
            f"{parts.train.height} usable rows were observed before {until:%Y-%m-%d %H:%M} UTC, "
            f"at least {LEAST_TRAINING_ROWS} are needed to learn from"
        )
    if not parts.test.height:
        raise EvaluationError(
            f"there is no usable row from {since:%Y-%m-%d %H:%M} UTC on to measure on"
        )
    return parts


def _featured(chart: Chart, asked: pl.DataFrame) -> Rows:
    known = AsOf(chart.videos, chart.observations)
    tables, texts = [], []
    for part in asked.iter_slices(_SLICE):
        moments = known.moments(part.select("video_id", "at"))
        tables.append(feature_table(moments, part["horizon_h"]))
        texts.append(moments.select("channel_id", "title", "tags"))
    facts = asked.select("video_id", "at", "known_at")
    if not tables:
        return Rows(facts.select(), facts, np.zeros(0))
    return Rows(pl.concat(tables), facts.hstack(pl.concat(texts)), asked["outcome"].to_numpy())


def _utc(time: dt.datetime) -> dt.datetime:
    return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)
