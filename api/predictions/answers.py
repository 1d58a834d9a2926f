"""From a forecast to the words and figures of an answer."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from api.database import Row
from api.predictions.asked import Asked
from api.predictions.desk import Forecast
from api.shapes.predictions import HOURS, Expected, PastPrediction, Prediction, Quality

# Quality is how far the ends of the 90 % band are from each other. In a channel with a history
# half of the bands are narrower than 4.3 (docs/virality.md).
HIGH_BELOW = 4.0  # upper / lower
MEDIUM_BELOW = 16.0

# Of the score, which is 10 where nothing sets a video apart from its channel's others.
_PERFORMANCE = (
    (50.0, "Likely one of the best"),
    (20.0, "Above what is usual"),
    (5.0, "About as usual"),
    (0.0, "Below what is usual"),
)


def expected_at(views: dict[str, Any], horizon: str) -> Expected | None:
    """Views at an age, in whole views: the band is rounded outwards. None: that age has passed."""
    middle = views[f"predicted_views_{horizon}"]
    if middle is None:
        return None
    predicted = round(middle)
    return Expected(
        predicted_views=predicted,
        confidence_lower=min(math.floor(views[f"predicted_views_{horizon}_lower"]), predicted),
        confidence_upper=max(math.ceil(views[f"predicted_views_{horizon}_upper"]), predicted),
    )


def quality(lower: int, upper: int, *, something_known: bool) -> Quality:
    """High, Medium or Low: by upper / lower, and never high of a video of which nothing is known.

    Args:
        something_known: counts of the video itself, or earlier videos of its channel.
    """
    width = upper / max(lower, 1)
    if width < HIGH_BELOW and something_known:
        return "High"
    return "Medium" if width < MEDIUM_BELOW else "Low"


def performance(score: float, *, of_channel: bool) -> str:
    """The score in words."""
    word = next(word for least, word in _PERFORMANCE if score >= least)
    among = "channel's videos" if of_channel else "category's videos"
    return f"{word}: {score:.0f} % chance of the top tenth of its {among} (10 % is usual)"


def answer(
    asked: Asked,
    forecast: Forecast,
    *,
    prediction_id: str,
    of_channel: bool,
    made_at: dt.datetime,
    seconds: float,
) -> Prediction:
    """The answer to a request.

    Args:
        of_channel: its channel's earlier videos were looked at.
        seconds: since the request came.
    """
    horizons = {
        horizon: found
        for horizon in HOURS
        if (found := expected_at(forecast.views, horizon)) is not None
    }
    at_horizon = horizons[asked.horizon]
    lower, upper = at_horizon.confidence_lower, at_horizon.confidence_upper
    score = rounded_score(forecast)
    return Prediction(
        prediction_id=prediction_id,
        predicted_views=at_horizon.predicted_views,
        confidence_lower=lower,
        confidence_upper=upper,
        confidence_range=f"{lower:,} - {upper:,}",
        prediction_quality=quality(
            lower, upper, something_known=of_channel or bool(asked.observed)
        ),
        expected_performance=performance(score, of_channel=of_channel),
        key_factors=forecast.reasons,
        recommendations=forecast.recommendations,
        processing_time=round(seconds, 6),
        timestamp=made_at,
        model_version=forecast.model_version,
        score=score,
        stage=forecast.views["stage"],
        horizon=asked.horizon,
        horizons=horizons,
        ignored=asked.ignored,
        notes=asked.notes,
    )


def rounded_score(forecast: Forecast) -> float:
    """The score to a hundredth: more would be noise of the last bits."""
    return round(float(forecast.views["score"]), 2)


def past(row: Row) -> PastPrediction:
    """A row of `predictions` with its actual."""
    predicted, actual = row["predicted_views"], row["actual_views"]
    return PastPrediction(
        prediction_id=row["prediction_id"],
        timestamp=row["made_at"],
        title=row["title"],
        category=row["category"],
        channel_id=row["channel_id"],
        video_id=row["video_id"],
        user_id=row["user_id"],
        horizon=_horizon(row["horizon_h"]),
        due_at=row["due_at"],
        stage=row["stage"],
        model_version=row["model_version"],
        predicted_views=round(predicted),
        confidence_lower=round(row["lower"]),
        confidence_upper=round(row["upper"]),
        score=row["score"],
        actual_views=actual,
        actual_source=row["actual_source"],
        accuracy=None if actual is None else accuracy(predicted, actual),
        within_range=None if actual is None else row["lower"] <= actual <= row["upper"],
        feedback=row["feedback"],
    )


def accuracy(predicted: float, actual: int) -> float:
    """1 - |predicted - actual| / actual, at least 0; of no views only the prediction of none is
    right. `api/sql/analytics.sql` has the same for many."""
    if actual == 0:
        return float(predicted == 0)
    return max(0.0, 1 - abs(predicted - actual) / actual)


def _horizon(hours: float | None) -> str | None:
    if hours is None:
        return None
    return next((name for name, of in HOURS.items() if of == hours), f"{hours:g}h")
