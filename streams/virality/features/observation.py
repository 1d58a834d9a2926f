"""Features of what was observed of the video so far.

Only observations with known views count; those whose views are hidden say nothing of growth.
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
_SHORTEST_H = 1 / 60  # between two observations


def _declared(name: str, unit: str, about: str) -> Feature:
    return Feature(name, unit, _TOPIC, "observation", about)


FEATURES: tuple[Feature, ...] = (
    _declared("observations", "observations", "times that the video was observed"),
    _declared("age", "log10 h", "age when last observed"),
    _declared("views", "log10 views", "views when last observed"),
    _declared("level", "log10 views at 24 h", "these views, brought to 24 h"),
    _declared("rate_of_life", "log10 views/h", "views an hour since publication"),
    _declared("step", "log10 h", "between the last two observations"),
    _declared("growth", "log10", "growth of views between the last two observations"),
    _declared("slope", "log10 views per log10 age", "steepness of that growth"),
    _declared("slope_before", "log10 views per log10 age", "steepness of the growth before"),
    _declared("slope_first", "log10 views per log10 age", "steepness since first observed"),
    _declared("velocity", "log10 views/h", "views an hour between the last two observations"),
    _declared("velocity_before", "log10 views/h", "views an hour between the two before"),
    _declared("acceleration", "log10", "velocity against the velocity before"),
    _declared("pace", "log10 share/h", "velocity against the views so far"),
    _declared("likes", "log10 share", "likes a view"),
    _declared("comments", "log10 share", "comments a view"),
    _declared("likes_lately", "log10", "likes a view, of the last step against all"),
    _declared("comments_lately", "log10", "comments a view, of the last step against all"),
    _declared("over_channel", "log10", "level against the channel's mean level"),
    _declared("over_recent", "log10", "level against the channel's recent level"),
)


def observation_features(
    moments: pl.DataFrame, channel_mean: Floats, channel_recent: Floats
) -> dict[str, Floats]:
    """Features of this module by name, NaN where unknown.

    Args:
        moments: `MOMENT`.
        channel_mean: the feature of that name, one per moment; so `channel_recent`.
    """
    if not moments["observed"].list.len().max():
        nothing = dict.fromkeys((feature.name for feature in FEATURES), _unknown(moments.height))
        return {**nothing, "observations": np.zeros(moments.height)}
    everything = Ragged(moments["observed"])
    seen = everything.where(~np.isnan(everything.numbers("views")))
    views = seen.numbers("views")
    published_h = moments["published_at"].cast(pl.Int64).to_numpy() / 3.6e9
    age = seen.hours("at") - seen.of_group(published_h)
    at, log_views = log_age(age), np.log10(1 + views)
    now_age, now = seen.newest(age), seen.newest(log_views)
    log_now_age = log_age(now_age)
    slope, slope_before = (_slope(seen, log_views, at, back) for back in (0, 1))
    velocity, velocity_before = (_velocity(seen, views, age, back) for back in (0, 1))
    level = now - usual_growth(now_age)
    likes, comments = (_response(seen, name, views) for name in ("likes", "comments"))
    return {
        "observations": seen.lengths.astype(np.float64),
        "age": log_now_age,
        "views": now,
        "level": level,
        "rate_of_life": now - log_now_age,
        "step": np.log10(np.maximum(now_age - seen.newest(age, 1), _SHORTEST_H)),
        "growth": now - seen.newest(log_views, 1),
        "slope": slope,
        "slope_before": slope_before,
        "slope_first": _steepness(now - seen.oldest(log_views), log_now_age - seen.oldest(at)),
        "velocity": velocity,
        "velocity_before": velocity_before,
        "acceleration": velocity - velocity_before,
        "pace": velocity - now,
        "likes": likes[0],
        "comments": comments[0],
        "likes_lately": likes[1],
        "comments_lately": comments[1],
        "over_channel": level - channel_mean,
        "over_recent": level - channel_recent,
    }


def _unknown(rows: int) -> Floats:
    return np.full(rows, np.nan)


def _slope(seen: Ragged, log_views: Floats, at: Floats, back: int) -> Floats:
    """d log10 views / d log10 age between two observations, `back` places from the last."""
    return _steepness(
        seen.newest(log_views, back) - seen.newest(log_views, back + 1),
        seen.newest(at, back) - seen.newest(at, back + 1),
    )


def _steepness(rise: Floats, run: Floats) -> Floats:
    steepness = np.full(rise.size, np.nan)
    np.divide(rise, run, out=steepness, where=run > 0)
    return steepness


def _velocity(seen: Ragged, views: Floats, age: Floats, back: int) -> Floats:
    """log10 of 1 + views an hour; a recount downwards is no velocity."""
    gained = np.maximum(seen.newest(views, back) - seen.newest(views, back + 1), 0)
    hours = np.maximum(seen.newest(age, back) - seen.newest(age, back + 1), _SHORTEST_H)
    velocity: Floats = np.log10(1 + gained / hours)
    return velocity


def _response(seen: Ragged, name: str, views: Floats) -> tuple[Floats, Floats]:
    """log10 of responses a view: over all so far, and of the last step against that."""
    count = seen.numbers(name)
    now, before = seen.newest(count), seen.newest(count, 1)
    seen_now, seen_before = seen.newest(views), seen.newest(views, 1)
    overall = np.log10((now + 1) / (seen_now + 1))
    lately = np.log10(
        (np.maximum(now - before, 0) + 1) / (np.maximum(seen_now - seen_before, 0) + 1)
    )
    return overall, lately - overall
