"""Predictions, as their documented clients know them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)

from api.shapes.written import NOT_BLANK, WEBHOOK
from schemas.given import NUMBER, Instant, Whole
from streams.webhooks.addresses import URL_MAX, url_problem

Horizon = Literal["24h", "7d", "30d"]
Quality = Literal["High", "Medium", "Low"]
Stage = Literal["before", "after"]

HOURS: dict[Horizon, float] = {"24h": 24.0, "7d": 168.0, "30d": 720.0}

# 7 days: what the models have most data of, and what most of a video's first wave is in.
USUAL_HORIZON: Horizon = "7d"

_MOST = 2**53  # a count that JSON's readers still hold exactly


def _written(pattern: str, like: str) -> BeforeValidator:
    """A string of that pattern, and nothing else that would pass for a date or a time."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: Any) -> Any:
        if isinstance(value, str) and not compiled.fullmatch(value):
            raise ValueError(f"{value[:40]!r} is not written like {like}")
        if not isinstance(value, str) and value is not None:
            raise ValueError(f"it is a string like {like}")
        return value

    return BeforeValidator(check)


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("it has the NUL character, which no table can hold")
    return value


Day = Annotated[
    dt.date,
    _written(r"\d{4}-\d\d-\d\d", "2024-01-15"),
    Field(ge=dt.date(2005, 2, 14), le=dt.date(2099, 12, 31)),  # no video platform is older
    WithJsonSchema({"type": "string", "format": "date"}),
]
TimeOfDay = Annotated[
    dt.time,
    _written(r"\d\d:\d\d(:\d\d)?", "18:30"),
    # Not of the format `time`, which has a zone.
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"}),
]
Text = Annotated[str, AfterValidator(_without_nul)]
Count = Annotated[int, Field(ge=0, le=_MOST), NUMBER]
Identity = Annotated[Text, Field(min_length=1, max_length=200)]


def _an_address(value: str) -> str:
    problem = url_problem(value)
    if problem is not None:
        raise ValueError(f"it {problem}")
    return value


WebhookUrl = Annotated[
    str, AfterValidator(_an_address), Field(max_length=URL_MAX, json_schema_extra=WEBHOOK)
]


class PredictionRequest(BaseModel):
    """A video whose views are wanted."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "title": "How a sourdough starter works",
                    "duration": 612,
                    "upload_date": "2026-05-04",
                    "upload_time": "18:30",
                    "tags": "baking, sourdough, bread",
                    "category": "Howto & Style",
                    "channel_id": "UC-bread",
                }
            ]
        },
    )

    title: Text = Field(min_length=1, max_length=200, json_schema_extra=NOT_BLANK)
    duration: Whole = Field(ge=1, le=7200, description="Seconds.")
    upload_date: Day = Field(description="YYYY-MM-DD, UTC.")
    upload_time: TimeOfDay | None = Field(None, description="HH:MM, UTC; noon where absent.")
    description: Text | None = Field(None, max_length=5000)
    tags: list[Text] | None = Field(None, max_length=500, description="A list, or commas between.")
    category: Text | None = Field(None, max_length=100, description="The platform's id, or a name.")
    language: Text | None = Field(None, max_length=35, description="BCP 47, such as en or pt-BR.")
    like_count: Count | None = Field(None, description="Counts only together with view_count.")
    dislike_count: Count | None = Field(None, description="Never looked at.")
    comment_count: Count | None = Field(None, description="Counts only together with view_count.")
    view_count: Count | None = Field(None, description="Views at observed_at.")
    observed_at: Instant | None = Field(
        None, description="When the counts were observed; now where absent."
    )
    channel_id: Identity | None = Field(
        None, description="Its earlier videos are looked at, as the tables know them."
    )
    video_id: Identity | None = Field(None, description="The video, where it exists already.")
    horizon: Horizon = Field(USUAL_HORIZON, description="Age at which the views are wanted.")
    webhook_url: WebhookUrl | None = Field(
        None, description="Told `prediction.completed` as well (docs/webhooks.md)."
    )

    @field_validator("title")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("it is blank")
        return value

    @field_validator(
        "tags",
        mode="before",
        json_schema_input_type=Annotated[list[Text], Field(max_length=500)] | Text | None,
    )
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = value.split(",")
        if isinstance(value, list) and all(isinstance(tag, str) for tag in value):
            return [tag.strip() for tag in value if tag.strip()]
        return value


class Expected(BaseModel):
    """Views expected at an age, with the 90 % band."""

    predicted_views: int
    confidence_lower: int
    confidence_upper: int


class Prediction(BaseModel):
    """What is expected of a video."""

    prediction_id: str
    predicted_views: int = Field(description="At `horizon`: the middle of the band.")
    confidence_lower: int = Field(description="Lower end of the 90 % band.")
    confidence_upper: int
    confidence_range: str = Field(examples=["1,204 - 18,730"])
    prediction_quality: Quality = Field(description="How narrow the band is, and what is known.")
    expected_performance: str
    key_factors: list[str] = Field(description="What moves this prediction most, and by how much.")
    recommendations: list[str] = Field(description="Changes by which the model expects more.")
    processing_time: float = Field(description="Seconds, measured.")
    timestamp: dt.datetime
    model_version: str
    score: float = Field(
        description="0 to 100: probability in % of the top tenth of its channel's videos, or else "
        "of its category's."
    )
    stage: Stage = Field(description="before: nothing was observed of it; after: counts were.")
    horizon: Horizon
    horizons: dict[Horizon, Expected] = Field(description="Those that have not passed.")
    ignored: list[str] = Field(description="Fields that changed nothing.")
    notes: list[str] = Field(description="Why they were ignored, and what was assumed.")


class BatchError(BaseModel):
    """What is wrong with one item."""

    error: str
    error_code: str
    details: Any


class BatchItem(BaseModel):
    """One item of a batch: its prediction, or what is wrong with it."""

    index: int
    prediction: Prediction | None = None
    error: BatchError | None = None


class Batch(BaseModel):
    """Items in the order in which they were sent."""

    results: list[BatchItem]
    total: int
    succeeded: int
    failed: int
    processing_time: float = Field(description="Seconds, measured.")


class PastPrediction(BaseModel):
    """A prediction that was made, and what became of it."""

    prediction_id: str
    timestamp: dt.datetime
    title: str
    category: str | None
    channel_id: str | None
    video_id: str | None
    user_id: str | None
    horizon: str | None
    due_at: dt.datetime | None
    stage: str | None
    model_version: str
    predicted_views: int
    confidence_lower: int
    confidence_upper: int
    score: float | None
    actual_views: int | None = Field(description="A given one before an observed one.")
    actual_source: str | None = Field(description="given by a user, or observed in the log.")
    accuracy: float | None = Field(description="1 - |predicted - actual| / actual, at least 0.")
    within_range: bool | None = Field(description="Whether the actual is within the band.")
    feedback: str | None


class PastPredictions(BaseModel):
    """A page of them, newest first."""

    items: list[PastPrediction]
    total: int
    page: int
    limit: int
    pages: int
    next_cursor: str | None = Field(None, description="Where the next page starts, if there is.")
