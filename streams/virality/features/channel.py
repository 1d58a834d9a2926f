"""Features of the channel: how its earlier videos did, brought to one age.

The level of an earlier video is log10(1 + views) when it was first observed, brought to the age of
24 h by the usual growth. The first observation is taken because the newest one is of every age,
and because what is asked is a young video's views; it is the newest one where no first is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features.feature import Feature
from streams.virality.features.growth import log_age, usual_growth
from streams.virality.features.ragged import Grouped, Ragged

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_TOPIC = "youtube.video-snapshots.v1"
_LEVEL = "log10 views at 24 h"
_SEEN = "log10 views"
_MEMORY_VIDEOS = 4.0  # the weight of a video falls to 1/e over so many later ones
_MEMORY_H = 30 * 24.0  # or over so many hours
_BUSY_H = 28 * 24.0
_LONGEST_SHORT_S = 180  # as in outliers.formats


def _declared(name: str, unit: str, about: str) -> Feature:
    return Feature(name, unit, _TOPIC, "channel", about)


FEATURES: tuple[Feature, ...] = (
    _declared("channel_videos", "videos", "earlier videos that were observed"),
    _declared("channel_mean", _LEVEL, "mean level of the earlier videos"),
    _declared("channel_median", _LEVEL, "median level of the earlier videos"),
    _declared("channel_low", _LEVEL, "lower quartile of the levels"),
    _declared("channel_high", _LEVEL, "upper quartile of the levels"),
    _declared("channel_max", _LEVEL, "highest level"),
    _declared("channel_min", _LEVEL, "lowest level"),
    _declared("channel_sd", "log10", "standard deviation of the levels; null below 2 videos"),
    _declared("channel_recent", _LEVEL, "mean level, newer videos weighing more by their order"),
    _declared("channel_lately", _LEVEL, "mean level, newer videos weighing more by their time"),
    _declared("channel_last", _LEVEL, "level of the newest earlier video"),
    _declared("channel_last_2", _LEVEL, "level of the one before"),
    _declared("channel_last_3", _LEVEL, "level of the one before that"),
    _declared("channel_trend", "log10", "recent level against the mean level"),
    _declared("channel_category", _LEVEL, "mean level of earlier videos of the same category"),
    _declared("channel_category_videos", "videos", "earlier videos of the same category"),
    _declared("channel_format", _LEVEL, "mean level of earlier videos as short or as long as this"),
    _declared("channel_today", _LEVEL, "mean of the newest views, brought to 24 h"),
    _declared("channel_growth", "log10", "growth since first observed beyond the usual, mean"),
    _declared("channel_seen_age", "log10 h", "mean age at which videos were first observed"),
    _declared("channel_gap", "log10 h", "since the newest earlier publication"),
    _declared("channel_span", "log10 h", "since the oldest publication looked at"),
    _declared("channel_busy", "videos", "earlier videos of the last 28 days"),
    _declared("channel_same_hour", _LEVEL, "mean level, weighing more what came at a like hour"),
    _declared("channel_same_hour_age", "log10 h", "mean age at first observation, weighed so"),
    _declared("seen_mean", _SEEN, "mean views when first observed, at whatever age"),
    _declared("seen_median", _SEEN, "median of these views"),
    _declared("seen_recent", _SEEN, "mean, newer videos weighing more by their order"),
    _declared("seen_lately", _SEEN, "mean, newer videos weighing more by their time"),
    _declared("seen_last", _SEEN, "of the newest earlier video"),
    _declared("seen_max", _SEEN, "the most"),
    _declared("seen_min", _SEEN, "the least"),
    _declared("seen_sd", "log10", "standard deviation; null below 2 videos"),
    _declared("seen_category", _SEEN, "mean of the same category"),
    _declared("seen_same_hour", _SEEN, "mean, weighing more what came at a like hour"),
    _declared("seen_same_weekday", _SEEN, "mean, weighing more what came at a like time of week"),
)


@dataclass(frozen=True)
class Past:
    """Earlier videos of the channels of moments, and what is made of each of them.

    Attributes:
        videos: by moment, oldest first.
        at_h: when each was published, hours since 1970.
        level, age_h: its level, and at which age it was seen first.
        newest, first: its level by the newest observation, and by the first one, NaN where that is
            not known.
        length_s: NaN where it is not known.
    """

    videos: Grouped
    at_h: Floats
    level: Floats
    age_h: Floats
    newest: Floats
    first: Floats
    length_s: Floats

    @classmethod
    def of(cls, history: Ragged) -> Past:
        """Of the `history` of moments."""
        at_h = history.hours("published_at")
        first_age = history.hours("first_observed_at") - at_h
        first = np.log10(1 + history.numbers("first_views")) - usual_growth(first_age)
        newest_age = history.hours("observed_at") - at_h
        newest = np.log10(1 + history.numbers("views")) - usual_growth(newest_age)
        unknown = np.isnan(first)
        return cls(
            videos=history,
            at_h=at_h,
            level=np.where(unknown, newest, first),
            age_h=np.where(unknown, newest_age, first_age),
            newest=newest,
            first=first,
            length_s=history.numbers("duration_s"),
        )

    def rows(self, which: Integers) -> Past:
        """That of some moments; one may come more than once."""
        members = self.videos.members(which)
        return Past(
            Grouped(self.videos.lengths[which]),
            *(
                part[members]
                for part in (
                    self.at_h, self.level, self.age_h, self.newest, self.first, self.length_s,
                )
            ),
        )  # fmt: skip


def channel_features(moments: pl.DataFrame) -> tuple[dict[str, Floats], Past]:
    """Features of this module by name, NaN where unknown; and what they are made of.

    Args:
        moments: `MOMENT`.
    """
    history = Ragged(moments["history"])
    past = Past.of(history)
    category = history.text("category") == moments["category"][history.group]
    alike = np.nan_to_num(category.cast(pl.Float64).to_numpy())
    published_h = moments["published_at"].cast(pl.Int64).to_numpy() / 3.6e9
    length_s = moments["duration_s"].cast(pl.Float64).to_numpy()
    return {**_standing(past, alike), **features_at(past, published_h, length_s)}, past


def _standing(past: Past, alike: Floats) -> dict[str, Floats]:
    """Features that do not depend on when the video is published, nor on its length.

    Args:
        alike: 1 for earlier videos of the same category, else 0.
    """
    videos, level = past.videos, past.level
    by_order = np.exp(-videos.from_end / _MEMORY_VIDEOS)
    mean, recent = videos.mean(level), videos.mean(level, by_order)
    seen = level + usual_growth(past.age_h)
    seen_mean = videos.mean(seen)
    levels, counts = videos.ordered(level), videos.ordered(seen)
    grown = np.where(np.isnan(past.first), np.nan, past.newest - past.first)
    return {
        "channel_videos": videos.lengths.astype(np.float64),
        "channel_mean": mean,
        "channel_median": videos.quantile(levels, 0.5),
        "channel_low": videos.quantile(levels, 0.25),
        "channel_high": videos.quantile(levels, 0.75),
        "channel_max": videos.quantile(levels, 1.0),
        "channel_min": videos.quantile(levels, 0.0),
        "channel_sd": _deviation(videos, level, mean),
        "channel_recent": recent,
        "channel_last": videos.newest(level),
        "channel_last_2": videos.newest(level, 1),
        "channel_last_3": videos.newest(level, 2),
        "channel_trend": recent - mean,
        "channel_category": videos.mean(level, alike),
        "channel_category_videos": videos.total(alike),
        "channel_today": videos.mean(past.newest, by_order),
        "channel_growth": videos.mean(grown),
        "channel_seen_age": videos.mean(log_age(past.age_h)),
        "seen_mean": seen_mean,
        "seen_median": videos.quantile(counts, 0.5),
        "seen_recent": videos.mean(seen, by_order),
        "seen_last": videos.newest(seen),
        "seen_max": videos.quantile(counts, 1.0),
        "seen_min": videos.quantile(counts, 0.0),
        "seen_sd": _deviation(videos, seen, seen_mean),
        "seen_category": videos.mean(seen, alike),
    }


def features_at(past: Past, published_h: Floats, length_s: Floats) -> dict[str, Floats]:
    """Features that depend on when the video is published, or on its length.

    Args:
        published_h: hours since 1970, one per moment.
        length_s: one per moment, NaN where unknown.
    """
    videos, level = past.videos, past.level
    since = videos.of_group(published_h) - past.at_h
    distance = 2 * np.pi * since / 24
    like_hour = np.exp(2 * (np.cos(distance) - 1))
    like_weekday = np.exp(8 * (np.cos(distance / 7) - 1))
    by_time = np.exp(-since / (4 * _MEMORY_H))
    lately = np.exp(-since / _MEMORY_H)
    seen = level + usual_growth(past.age_h)
    return {
        "channel_lately": videos.mean(level, lately),
        "channel_format": videos.mean(level, _like_format(past, length_s)),
        "channel_gap": log_age(published_h - videos.newest(past.at_h)),
        "channel_span": log_age(published_h - videos.oldest(past.at_h)),
        "channel_busy": videos.total((since <= _BUSY_H).astype(np.float64)),
        "channel_same_hour": videos.mean(level, like_hour),
        "channel_same_hour_age": videos.mean(log_age(past.age_h), like_hour),
        "seen_lately": videos.mean(seen, lately),
        "seen_same_hour": videos.mean(seen, like_hour * by_time),
        "seen_same_weekday": videos.mean(seen, like_weekday * by_time),
    }


def _like_format(past: Past, length_s: Floats) -> Floats:
    """1 for earlier videos that are as short, or as long, as the one that is asked about."""
    own = past.videos.of_group(length_s)
    known = ~np.isnan(past.length_s + own)
    return np.where(
        known & ((past.length_s <= _LONGEST_SHORT_S) == (own <= _LONGEST_SHORT_S)), 1.0, 0.0
    )


def _deviation(videos: Grouped, level: Floats, mean: Floats) -> Floats:
    square = videos.mean((level - videos.of_group(mean)) ** 2)
    with np.errstate(invalid="ignore"):
        return np.where(videos.lengths > 1, np.sqrt(square), np.nan)
