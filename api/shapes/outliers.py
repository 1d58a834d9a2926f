"""Outliers, baseline shifts and niches."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, Field

from api.familiar import FORMULAS
from api.shapes.paging import Page


class Outlier(BaseModel):
    """A video far above what is usual for its channel at its age."""

    event_id: str
    verdict: Literal["outlier", "retracted", "confirmed"] = Field(
        description="retracted: the detection was taken back; confirmed: one without doubts has "
        "taken its place."
    )
    detected_at: dt.datetime = Field(description="Time of the observation that tipped it.")
    retracted_at: dt.datetime | None = Field(description="Time of the one that took it back.")
    retracted_views: int | None = Field(description="Views then.")
    retracted_because: str | None = Field(
        description="rejudged: usual by its age, format or the other videos; recount: fewer views."
    )
    confirmed_by: str | None = Field(description="event_id of what has taken its place.")
    video_id: str
    channel_id: str
    title: str | None
    category: str | None
    channel_title: str | None = None
    format: str
    published_at: dt.datetime
    age_s: int
    age_from_h: int
    views: int = Field(description="When it was detected.")
    expected_views: float
    expected_low: float | None = Field(description="Nine usual videos in ten are above this,")
    expected_high: float | None = Field(description="and below this.")
    multiple: float = Field(description=FORMULAS["multiple"])
    z: float
    tail_probability: float = Field(description=FORMULAS["tail_probability"])
    q_value: float | None = Field(description=FORMULAS["q_value"])
    too_recent: bool
    insufficient_history: bool
    baseline_n: int
    baseline_median_log10: float
    baseline_mad_log10: float
    scale_log10: float | None = Field(description="Of the Student's t that was expected.")
    df: float | None = Field(description="Its degrees of freedom.")
    growth: str = Field(description="Version of the growth curves that the verdict used.")
    latest_views: int | None = Field(description="As last observed; null where hidden.")
    observed_at: dt.datetime | None = Field(description="When that was.")
    views_per_median: float | None = Field(description=FORMULAS["views_per_median"])
    views_per_subscriber_100: float | None = Field(description=FORMULAS["views_per_subscriber_100"])
    velocity: float | None = Field(description=FORMULAS["velocity"])
    velocity_24h: float | None = Field(description=FORMULAS["velocity_24h"])
    vs_surrounding_10: float | None = Field(description=FORMULAS["vs_surrounding_10"])
    seven_day_multiple: float | None = Field(description=FORMULAS["seven_day_multiple"])
    not_computed: dict[str, str] = Field(description="Why a figure above is null, by its name.")


class OutlierPage(Page[Outlier]):
    """A part of the list, with the formula of every figure."""

    formulas: dict[str, str] = Field(default=FORMULAS, description="By name of the figure.")


class Shift(BaseModel):
    """What is usual for a channel has changed."""

    event_id: str
    detected_at: dt.datetime
    channel_id: str
    channel_title: str | None
    measure: str = Field(
        description="videos: its videos at matched age; channel: views of all of it a day."
    )
    format: str | None = Field(description="Null where the measure is the channel's.")
    direction: str = Field(description="up or down.")
    factor: float = Field(description="New usual / old usual.")
    before_log10: float = Field(description="Old usual, log10(views + 1).")
    after_log10: float = Field(description="New usual, log10(views + 1).")
    observations: int = Field(description="Videos or days that the change shows in.")
    since: dt.datetime = Field(description="The first of them.")
    statistic: float = Field(description="CUSUM at the alarm, in standard deviations.")


class NicheFound(BaseModel):
    """A topic in which several independent channels have outliers at about the same time."""

    niche_id: str
    newest_at: dt.datetime = Field(description="Newest detection in it.")
    first_seen: dt.datetime = Field(description="Oldest detection in it.")
    terms: list[str] = Field(description="The most telling first.")
    channels: list[str]
    videos: list[str] = Field(description="Newest first.")
    median_multiple: float
    open: bool = Field(description="False: it has fallen apart, or its outliers are too old.")
