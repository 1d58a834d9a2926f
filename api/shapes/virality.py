"""Virality of videos."""

from __future__ import annotations

import datetime as dt

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
    """Views expected; null while no model serves."""

    at_24h: Band
    at_7d: Band
    at_30d: Band


class Virality(BaseModel):
    """What is known of a video's virality."""

    video_id: str
    channel_id: str
    channel_title: str | None = None
    title: str | None = None
    category: str | None = None
    as_of: dt.datetime = Field(description="Newest event in it: the time of `at_as_of`.")
    score: float = Field(description="0 to 100.")
    acceleration: float = Field(description="Rate of the last hour against that of the last day.")
    views: int
    unique_viewers: int = Field(
        description="Distinct viewers among the views: an estimate, standard error 2.3 %."
    )
    likes: int
    dislikes: int
    comments: int
    shares: int
    saves: int
    impressions: int
    watch_ms: int
    at_as_of: Decayed
    now: Decayed = Field(description="The same, decayed on to the time of the answer.")
    predicted: Predicted
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
