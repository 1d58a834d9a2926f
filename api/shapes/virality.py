"""Virality of videos."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, Field


class Decayed(BaseModel):
    """Exponentially decayed numbers of views, by time constant."""

    views_1h: float
    views_6h: float
    views_24h: float
    views_7d: float
    velocity: float = Field(description="Views an hour, decayed over 6 h.")


class Band(BaseModel):
    """Views expected at an age, with the 90 % band."""

    views: float | None
    lower: float | None
    upper: float | None


class Predicted(BaseModel):
    """Views expected; null where that is over, and where nothing is forecast."""

    at_24h: Band
    at_7d: Band
    at_30d: Band


class Forecast(BaseModel):
    """What is expected of a video, from counts that were observed."""

    as_of: dt.datetime = Field(description="Nothing that was observed later is in it.")
    published_at: dt.datetime
    age_s: int = Field(description="Seconds from publication to `as_of`.")
    views: int | None = Field(description="As last known; null: never.")
    score: float | None = Field(description="0 to 100; null: nothing is forecast.")
    velocity: float | None = Field(description="Views an hour; negative after a recount.")
    acceleration: float | None = Field(description="Velocity against the mean rate since.")
    stage: str | None = Field(description="before, after; null: nothing is forecast.")
    predicted: Predicted
    model_version: str
    reasons: list[str]


class Virality(BaseModel):
    """What is known of a video's virality."""

    video_id: str
    channel_id: str
    channel_title: str | None = None
    title: str | None = None
    category: str | None = None
    source: Literal["engagement", "snapshots"] = Field(
        "engagement", description="Viewers' own events, or counts that were observed."
    )
    as_of: dt.datetime = Field(description="Newest event in it: the time of `at_as_of`.")
    score: float | None = Field(description="0 to 100; docs/virality.md says what of.")
    acceleration: float | None = Field(
        description="Rate of the last hour against that of the last day; of observed counts, the "
        "newest rate against the mean one."
    )
    burst_z: float | None = Field(
        None,
        description="Standard deviations that the last hour's views are above the video's own "
        "rate, now.",
    )
    views: int | None
    unique_viewers: int | None = Field(
        None,
        description="Distinct viewers among the views: an estimate, standard error 2.3 %.",
    )
    likes: int | None
    dislikes: int | None = None
    comments: int | None
    shares: int | None = None
    saves: int | None = None
    impressions: int | None = None
    watch_ms: int | None = None
    at_as_of: Decayed | None = None
    now: Decayed | None = Field(None, description="The same, decayed on to the time of the answer.")
    predicted: Predicted
    forecast: Forecast | None = Field(
        None, description="From observed counts, where there are any."
    )
    model_version: str
    reasons: list[str]


class Ranked(Virality):
    """A place in the top list."""

    rank: int
    window: str
    views_in_window: float = Field(description="Decayed views of the window, now: the order.")
    sparkline: list[float] = Field(description="Recent views an hour, oldest first.")


class Top(BaseModel):
    """What is going viral."""

    window: str
    as_of: dt.datetime = Field(description="The `now` of the figures.")
    items: list[Ranked]
    total: int = Field(description="Videos that have a score, in the category asked for.")
    next_cursor: str | None = Field(None, description="Where the next page starts, if there is.")


class Moment(BaseModel):
    """A video at an instant."""

    as_of: dt.datetime
    score: float
    views: int
    velocity: float


class History(BaseModel):
    """A video over time, oldest first."""

    video_id: str
    items: list[Moment]
    total: int
