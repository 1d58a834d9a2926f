"""Features of the channel: how its earlier videos did, brought to one age.

The level of an earlier video is log10(1 + views) when it was first observed, brought to the age of
24 h by the usual growth. The first observation is taken because the newest one is of every age,
and because what is asked is a young video's views; it is the newest one where no first is known.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features.feature import Feature
from streams.virality.features.growth import log_age, usual_growth
from streams.virality.features.ragged import Ragged

Floats = npt.NDArray[np.float64]

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


def channel_features(moments: pl.DataFrame) -> dict[str, Floats]:
    """Features of this module by name, NaN where unknown.

    Args:
        moments: `MOMENT`.
    """
    history = Ragged(moments["history"])
    published = _hours(moments["published_at"])
    at_h = history.hours("published_at")
    level, age, first_level = _levels(history)
    since = history.of_group(published) - at_h
    by_order = np.exp(-history.from_end / _MEMORY_VIDEOS)
    mean, recent = history.mean(level), history.mean(level, by_order)
    like = _like(history, moments)
    grown = np.where(np.isnan(first_level), np.nan, _newest_level(history) - first_level)
    distance = 2 * np.pi * since / 24
    like_hour = np.exp(2 * (np.cos(distance) - 1))
    by_time = np.exp(-since / (4 * _MEMORY_H))
    seen = level + usual_growth(age)
    seen_mean = history.mean(seen)
    levels, counts = history.ordered(level), history.ordered(seen)
    return {
        "channel_videos": history.lengths.astype(np.float64),
        "channel_mean": mean,
        "channel_median": history.quantile(levels, 0.5),
        "channel_low": history.quantile(levels, 0.25),
        "channel_high": history.quantile(levels, 0.75),
        "channel_max": history.quantile(levels, 1.0),
        "channel_min": history.quantile(levels, 0.0),
        "channel_sd": _deviation(history, level, mean),
        "channel_recent": recent,
        "channel_lately": history.mean(level, np.exp(-since / _MEMORY_H)),
        "channel_last": history.newest(level),
        "channel_last_2": history.newest(level, 1),
        "channel_last_3": history.newest(level, 2),
        "channel_trend": recent - mean,
        "channel_category": history.mean(level, like["category"]),
        "channel_category_videos": history.total(like["category"]),
        "channel_format": history.mean(level, like["format"]),
        "channel_today": history.mean(_newest_level(history), by_order),
        "channel_growth": history.mean(grown),
        "channel_seen_age": history.mean(log_age(age)),
        "channel_gap": log_age(published - history.newest(at_h)),
        "channel_span": log_age(published - history.oldest(at_h)),
        "channel_busy": history.total((since <= _BUSY_H).astype(np.float64)),
        "channel_same_hour": history.mean(level, like_hour),
        "channel_same_hour_age": history.mean(log_age(age), like_hour),
        "seen_mean": seen_mean,
        "seen_median": history.quantile(counts, 0.5),
        "seen_recent": history.mean(seen, by_order),
        "seen_lately": history.mean(seen, np.exp(-since / _MEMORY_H)),
        "seen_last": history.newest(seen),
        "seen_max": history.quantile(counts, 1.0),
        "seen_min": history.quantile(counts, 0.0),
        "seen_sd": _deviation(history, seen, seen_mean),
        "seen_category": history.mean(seen, like["category"]),
        "seen_same_hour": history.mean(seen, like_hour * by_time),
        "seen_same_weekday": history.mean(seen, np.exp(8 * (np.cos(distance / 7) - 1)) * by_time),
    }


def _levels(history: Ragged) -> tuple[Floats, Floats, Floats]:
    """Level and age of each member, and the level where the first observation is known."""
    first_age = history.hours("first_observed_at") - history.hours("published_at")
    first = np.log10(1 + history.numbers("first_views")) - usual_growth(first_age)
    newest_age = history.hours("observed_at") - history.hours("published_at")
    unknown = np.isnan(first)
    return (
        np.where(unknown, _newest_level(history), first),
        np.where(unknown, newest_age, first_age),
        first,
    )


def _newest_level(history: Ragged) -> Floats:
    age = history.hours("observed_at") - history.hours("published_at")
    level: Floats = np.log10(1 + history.numbers("views")) - usual_growth(age)
    return level


def _deviation(history: Ragged, level: Floats, mean: Floats) -> Floats:
    square = history.mean((level - history.of_group(mean)) ** 2)
    with np.errstate(invalid="ignore"):
        return np.where(history.lengths > 1, np.sqrt(square), np.nan)


def _like(history: Ragged, moments: pl.DataFrame) -> dict[str, Floats]:
    """1 for members of the category, and of the format, of the video of their moment."""
    category = history.text("category") == moments["category"][history.group]
    length = history.numbers("duration_s")
    own = history.of_group(moments["duration_s"].cast(pl.Float64).to_numpy())
    known = ~np.isnan(length + own)
    return {
        "category": np.nan_to_num(category.cast(pl.Float64).to_numpy()),
        "format": np.where(
            known & ((length <= _LONGEST_SHORT_S) == (own <= _LONGEST_SHORT_S)), 1.0, 0.0
        ),
    }


def _hours(times: pl.Series) -> Floats:
    return times.cast(pl.Int64).to_numpy() / 3.6e9
