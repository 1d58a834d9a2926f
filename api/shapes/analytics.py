"""How good predictions were."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.shapes.predictions import Count, Identity, Text

TimeRange = Literal["7d", "30d", "90d", "1y"]
DAYS: dict[TimeRange, int] = {"7d": 7, "30d": 30, "90d": 90, "1y": 365}


class Figures(BaseModel):
    """Of some predictions."""

    predictions: int
    with_actuals: int = Field(description="Of which it is known what became.")
    average_predicted_views: float | None
    average_score: float | None
    accuracy: float | None = Field(
        description="Mean of 1 - |predicted - actual| / actual, at least 0 each; null without any."
    )
    median_accuracy: float | None
    coverage: float | None = Field(
        description="Share of actuals within the stated 90 % band: 0.9 is as it should be."
    )
    median_band: float | None = Field(description="Median of upper end / lower end.")


class Part(Figures):
    """Of the predictions that have something in common."""

    name: str | None = Field(description="Null: those that have none.")


class Dashboard(Figures):
    """Of a stretch of time."""

    time_range: TimeRange
    since: dt.datetime
    given_actuals: int
    observed_actuals: int
    models: list[Part]
    stages: list[Part]
    top_categories: list[Part] = Field(description="The ten with most predictions.")


class Parts(BaseModel):
    """Of a stretch of time, in parts."""

    time_range: TimeRange
    since: dt.datetime
    items: list[Part]
    total: int


class Day(Figures):
    """Of a day (UTC)."""

    date: dt.date


class Trends(BaseModel):
    """Day by day, oldest first; days without predictions are there with zeros."""

    time_range: TimeRange
    since: dt.datetime
    items: list[Day]


class SaveRequest(BaseModel):
    """What became of a prediction."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"prediction_id": "0190...", "actual_views": 12000, "feedback": "close"}]
        }
    )

    prediction_id: Identity
    actual_views: Count
    feedback: Text | None = Field(None, max_length=2000)


class Saved(BaseModel):
    """How good the prediction was."""

    prediction_id: str
    predicted_views: int
    actual_views: int
    accuracy: float
    within_range: bool
