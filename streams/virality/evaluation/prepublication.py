"""First charted views of new videos, by what is known before they are published."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from streams.virality.evaluation.chart_rows import Rows, split
from streams.virality.evaluation.learning import CALIBRATION_DAYS, Banded, banded, parted, pointed
from streams.virality.evaluation.log_errors import band_facts, log_errors
from streams.virality.evaluation.recency import recency
from streams.virality.evaluation.shapes import spread
from streams.virality.features import BEFORE, Feature, matrix
from streams.virality.models import words
from streams.virality.models.bands import COVERAGE
from streams.virality.models.boosting import Member
from streams.virality.moments_of.charts import Chart

# Nothing but what somebody who asks before publication can say, and the channel's past.
WORDS = Feature("words", "log10 views", "request", "request", "what title and tags are worth")
AGE_KNOWN = (*BEFORE, WORDS)
AGE_UNKNOWN = tuple(feature for feature in AGE_KNOWN if feature.available_at != "horizon")
CONTENT = tuple(feature for feature in BEFORE if feature.available_at == "request")

_CONTENT_MEMBER = Member("regression", 150, {"learning_rate": 0.06})


def evaluate(
    videos: pl.DataFrame,
    snapshots: pl.DataFrame,
    train_until: dt.datetime,
    test_from: dt.datetime,
) -> dict[str, Any]:
    """Learn from videos first charted before one time, measure on videos published after another.

    The moment of every prediction is the video's publication: features are the request and the
    channel's earlier videos as they had been observed by then. The outcome is log10 of the views
    when the video was first charted. A video is learnt from only if that was observed before
    `train_until`. In which country it charts is never looked at.

    Two forecasts are measured. "ours" answers "how many views at age h?", h being the age at which
    the video was first observed: that age is the question, as 24 h or 7 d are. "ours_age_unknown"
    is not told the age either, and so has to guess when the video will chart.

    Args:
        videos: columns of a chart's videos, see `moments_of.charts.from_chart`; so `snapshots`.
        train_until: nothing observed from then on is learnt from.
        test_from: videos published from then on are measured on.

    Returns:
        "name"; "rows": {"train", "test", "refused": {reason: count}}; "ours", "ours_age_unknown"
        and each of "baselines": see `log_errors.log_errors`; "band" and "band_age_unknown":
        {"nominal", "method", ..., "without_following": {...}}, see `log_errors.band_facts`, by
        `category` and by `size` of the channel (models.groups); "seconds", "processor_seconds".

    Raises:
        EvaluationError: a table cannot be used, the times overlap, or a part is too small.
    """
    began, worked = time.perf_counter(), time.process_time()
    parts = split(videos, snapshots, train_until, test_from, first_views)
    rows = parted(parts.train, parts.test, worded)
    train, test = rows.train, rows.test
    ours, blind = (banded(rows, features, spread) for features in (AGE_KNOWN, AGE_UNKNOWN))
    return {
        "name": "prepublication",
        "rows": {"train": train.height, "test": test.height, "refused": parts.refused},
        "ours": log_errors(ours.median, test.outcome),
        "ours_age_unknown": log_errors(blind.median, test.outcome),
        "baselines": _baselines(train, test, ours, blind),
        "band": _bands(ours, test),
        "band_age_unknown": _bands(blind, test),
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - worked, 1),
    }


def first_views(chart: Chart) -> tuple[pl.DataFrame, dict[str, int]]:
    """Moments of publication, and log10 of the views when first observed after it.

    Args:
        chart: see `moments_of.charts`.

    Returns:
        `video_id`, `at`, `known_at`, `horizon_h` (age when first observed), `outcome`; and how
        many videos were left out, by the reason.
    """
    seen = chart.observations.filter(pl.col("views").is_not_null())
    first = seen.sort("at").unique("video_id", keep="first", maintain_order=True)
    rows = chart.videos.select("video_id", at="published_at").join(
        first.select("video_id", "views", known_at="at"), on="video_id"
    )
    after = rows.filter(pl.col("known_at") > pl.col("at"))
    viewed = after.filter(pl.col("views") > 0)
    return viewed.select(
        "video_id",
        "at",
        "known_at",
        horizon_h=(pl.col("known_at") - pl.col("at")).dt.total_seconds(fractional=True) / 3600,
        outcome=pl.col("views").log10(),
    ), {
        "videos never observed with views shown": chart.videos.height - rows.height,
        "videos observed before their publication": rows.height - after.height,
        "videos first observed at zero views": after.height - viewed.height,
    }


def worded(train: Rows, test: Rows) -> tuple[Rows, Rows]:
    """Rows with the feature `words`: learnt from `train`, and there from other channels."""
    weight = recency(train.asked)
    said, asked = words.tokens(train.asked), words.tokens(test.asked)
    learnt = words.learn(said, train.outcome, weight)
    channels = train.asked["channel_id"]
    worth = (
        words.out_of_fold(said, train.outcome, weight, channels),
        learnt.predict(asked, test.height),
    )
    return (
        replace(train, features=train.features.with_columns(words=pl.Series(worth[0]))),
        replace(test, features=test.features.with_columns(words=pl.Series(worth[1]))),
    )


def _baselines(train: Rows, test: Rows, ours: Banded, blind: Banded) -> dict[str, Any]:
    content = pointed(train, CONTENT, [_CONTENT_MEMBER])
    mean = test.features["seen_mean"]
    known = mean.is_not_null().to_numpy()
    return {
        "training_mean": log_errors(np.full(test.height, train.outcome.mean()), test.outcome),
        "content_only": log_errors(content.predict(matrix(test.features, CONTENT)), test.outcome),
        "where_there_is_history": {
            "channel_mean": log_errors(mean.drop_nulls().to_numpy(), test.outcome[known]),
            "ours": log_errors(ours.median[known], test.outcome[known]),
            "ours_age_unknown": log_errors(blind.median[known], test.outcome[known]),
        },
        "where_there_is_none": {
            "ours": log_errors(ours.median[~known], test.outcome[~known]),
            "ours_age_unknown": log_errors(blind.median[~known], test.outcome[~known]),
        },
    }


def _bands(found: Banded, test: Rows) -> dict[str, Any]:
    return {
        "nominal": COVERAGE,
        "method": "forecast +- margin x learnt spread; margins by category and channel size, "
        f"calibrated on the newest {CALIBRATION_DAYS} days of training, then following outcomes "
        "observed before each day of the test",
        **band_facts(test.outcome, found.lower, found.upper, found.groups),
        "without_following": band_facts(
            test.outcome, found.lower_still, found.upper_still, found.groups
        ),
    }
