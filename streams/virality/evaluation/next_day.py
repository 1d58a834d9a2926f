"""Growth of a charted video's views until the next day, by what was observed until today."""

from __future__ import annotations

import datetime as dt
import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.evaluation.chart_rows import Rows, split
from streams.virality.evaluation.learning import banded, parted
from streams.virality.evaluation.log_errors import band_facts
from streams.virality.evaluation.shapes import quantiles
from streams.virality.features import AFTER
from streams.virality.models.bands import COVERAGE
from streams.virality.moments_of.charts import Chart

Floats = npt.NDArray[np.float64]

# Counts are taken once a day, at about the same time.
SHORTEST_DAY_H, LONGEST_DAY_H = 12, 36


def evaluate(
    videos: pl.DataFrame,
    snapshots: pl.DataFrame,
    train_until: dt.datetime,
    test_from: dt.datetime,
) -> dict[str, Any]:
    """Learn from pairs of days that end before one time, measure on pairs that begin after another.

    The moment of a prediction is an observation of the video; the outcome is ln(views at the next
    observation / views then), where that is 12 to 36 hours later. Negative growth (recounts) is an
    outcome like any other.

    Args:
        videos: columns of a chart's videos, see `moments_of.charts.from_chart`; so `snapshots`.
        train_until: nothing observed from then on is learnt from.
        test_from: observations from then on are measured on.

    Returns:
        "name"; "rows": {"train", "test", "refused": {reason: count}}; "ours" and each of
        "baselines": see `growth_errors`; "band": {"nominal", ...}, see `log_errors.band_facts`, by
        `category` and by `size` of the channel (models.groups); "seconds", "processor_seconds".

    Raises:
        EvaluationError: a table cannot be used, the times overlap, or a part is too small.
    """
    began, worked = time.perf_counter(), time.process_time()
    parts = split(videos, snapshots, train_until, test_from, next_counts)
    train, test = parts.train, parts.test
    found = banded(parted(train, test), AFTER, quantiles)
    log10 = 1 / math.log(10)
    return {
        "name": "next-day",
        "rows": {"train": train.height, "test": test.height, "refused": parts.refused},
        "ours": growth_errors(found.median, test.outcome),
        "baselines": {
            name: growth_errors(grown, test.outcome) for name, grown in _baselines(train, test)
        },
        "band": {
            "nominal": COVERAGE,
            **band_facts(
                test.outcome * log10, found.lower * log10, found.upper * log10, found.groups
            ),
        },
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - worked, 1),
    }


def next_counts(chart: Chart) -> tuple[pl.DataFrame, dict[str, int]]:
    """Moments of observations, and the log growth of views until the next one a day later.

    Args:
        chart: see `moments_of.charts`.

    Returns:
        `video_id`, `at`, `known_at`, `horizon_h` (age at the next observation), `outcome` (ln);
        and how many observations were left out, by the reason.
    """
    seen = chart.observations.filter(pl.col("views") > 0).sort("video_id", "at")
    pairs = (
        seen.with_columns(
            known_at=pl.col("at").shift(-1).over("video_id"),
            _then=pl.col("views").shift(-1).over("video_id"),
        )
        .drop_nulls("known_at")
        .join(chart.videos.select("video_id", "published_at"), on="video_id")
    )
    step_h = (pl.col("known_at") - pl.col("at")).dt.total_seconds() / 3600
    daily = pairs.filter(step_h.is_between(SHORTEST_DAY_H, LONGEST_DAY_H))
    return daily.select(
        "video_id",
        "at",
        "known_at",
        horizon_h=(pl.col("known_at") - pl.col("published_at")).dt.total_seconds() / 3600,
        outcome=(pl.col("_then") / pl.col("views")).log(),
    ), {
        "observations without views": chart.observations.height - seen.height,
        "observations that are the last of their video": seen.height - pairs.height,
        "observations not followed within 12 to 36 h": pairs.height - daily.height,
    }


def growth_errors(predicted: Floats, actual: Floats) -> dict[str, float | int | None]:
    """Errors of growth: "rows", "r2" (of the natural logs), "mae_ln", "mae_log10".

    Args:
        predicted: ln of growth, one per row; so `actual`, of which there is at least one.
    """
    off = predicted - actual
    spread = float(((actual - actual.mean()) ** 2).sum())
    mae = float(np.abs(off).mean())
    return {
        "rows": int(actual.size),
        "r2": 1 - float((off**2).sum()) / spread if spread > 0 else None,
        "mae_ln": mae,
        "mae_log10": mae / math.log(10),
    }


def _baselines(train: Rows, test: Rows) -> list[tuple[str, Floats]]:
    features = test.features
    lifelong = np.log1p(
        10 ** features["ahead"].to_numpy() / 10 ** features["age"].to_numpy()
    )  # as many views an hour as since publication
    latest = features["at_this_velocity"].to_numpy() * math.log(10)
    usual = features["usual_ahead"].to_numpy() * math.log(10)
    return [
        ("no_growth", np.zeros(test.height)),
        ("training_mean", np.full(test.height, train.outcome.mean())),
        ("constant_velocity_of_life", lifelong),
        ("constant_velocity_of_last_step", np.where(np.isnan(latest), lifelong, latest)),
        ("usual_growth_curve", usual),
    ]
