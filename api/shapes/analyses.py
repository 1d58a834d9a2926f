"""Outlier analyses, in the camelCase of their documented clients."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from api.shapes.jobs import Camel
from streams.outliers.analyses.request import AnalysisRequest

State = Literal["queued", "running", "paused", "completed", "failed", "cancelled"]

Status = Annotated[
    int,
    Field(
        ge=0,
        le=6,
        description="0 queued, 1 exclusions, 2 discovery, 3 channels, 4 scoring, 5 ranking, "
        "6 done. A run that waits, failed or was called off keeps the number of its step.",
    ),
]


class StartRequest(AnalysisRequest):
    """What an analysis is asked for. That the two ends of a range go together is a rule of its
    own, with an answer of its own."""

    @model_validator(mode="after")
    def _in_order(self) -> StartRequest:
        return self


class Answer(Camel):
    """Documented clients look for `success` in every answer."""

    success: bool = True


class Started(Answer):
    """An analysis that was asked for."""

    analysis_id: str
    status: Status
    state: State
    message: str


class AnalysisStatus(Answer):
    """How far an analysis is."""

    analysis_id: str
    user_id: str
    status: Status
    state: State
    step: int = Field(description="The latest step that began, 0 before the first.")
    message: str = Field(description="What is done or waited for, for a person.")
    progress: float = Field(description="Of the whole run, 0 to 100.")
    error: str | None = Field(description="Why it failed or was called off.")
    paused_until: dt.datetime | None = Field(description="When a paused run goes on by itself.")
    config: dict[str, Any] = Field(description="What was asked for.")
    exclusion_games: list[str] = Field(description="What is excluded, once that is known.")
    unresolved_channels: list[str] = Field(description="Competitors that were not found.")
    channels_discovered: int
    channels_analyzed: int
    start_time: dt.datetime | None = Field(description="When it was asked for.")
    end_time: dt.datetime | None
    version: int = Field(description="Of its newest event: where a listener goes on (`after`).")


class Result(Camel):
    """A video far above what its channel's subscribers let expect."""

    video_id: str
    title: str
    channel_id: str
    channel_title: str
    subscribers: int
    views: int
    outlier_score: float = Field(description="Views of a subscriber, times 100.")
    brand_fit: float = Field(description="0 to 10.")
    published_at: dt.datetime
    likes: int | None = Field(None, description="Null where hidden.")
    comments: int | None = Field(None, description="Null where hidden.")
    duration_s: int | None = Field(None, description="Null for broadcasts.")
    category: str | None = Field(None, description="The platform's number of it.")
    url: str

    @model_validator(mode="before")
    @classmethod
    def _of_log(cls, given: Any) -> Any:
        """The log's names of some fields are shorter, and addresses are not in it."""
        if not isinstance(given, Mapping):
            return given
        renamed = {("outlier_score" if name == "score" else name): v for name, v in given.items()}
        address = f"https://www.youtube.com/watch?v={renamed.get('video_id', '')}"
        return {"url": address, **renamed}


class Summary(Camel):
    """What an analysis came to."""

    total_outliers: int
    channels_analyzed: int
    exclusion_games: int = Field(description="Games that were excluded; their number.")
    excluded_games: list[str]
    unresolved_channels: list[str] = Field(description="Competitors that were not found.")
    outliers_found: int = Field(description="Videos that were kept, of which results are the best.")
    channels_discovered: int
    channels_skipped: int
    videos_analyzed: int
    units: int = Field(
        description="Of YouTube's quota that were spent; what was cached costs none."
    )

    @model_validator(mode="before")
    @classmethod
    def _of_log(cls, given: Any) -> Any:
        """The log has the games by name, and shorter names."""
        if not isinstance(given, Mapping) or not isinstance(given.get("exclusion_games"), list):
            return given
        games = given["exclusion_games"]
        unresolved = given.get("unresolved", [])
        counted = {"exclusion_games": len(games), "excluded_games": games}
        return {**given, **counted, "unresolved_channels": unresolved}


class Results(Answer):
    """The results of a completed analysis, best first."""

    analysis_id: str
    results: list[Result]
    summary: Summary


class AnalysisItem(Camel):
    """An analysis in a list."""

    id: str
    user_id: str
    status: Status
    state: State
    progress: float
    start_time: dt.datetime | None
    end_time: dt.datetime | None
    result_count: int
    config: dict[str, Any]


class AnalysisList(Answer):
    """A part of the analyses, newest first."""

    analyses: list[AnalysisItem]
    total: int
    limit: int
    offset: int
    next_cursor: str | None = Field(None, description="Where the next page starts, if there is.")


class CancelAnalysisRequest(BaseModel):
    """Why an analysis is called off."""

    reason: str = Field("cancelled by its user", min_length=1, max_length=500)
