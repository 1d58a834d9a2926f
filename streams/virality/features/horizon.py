"""Features of what is asked: the age at which the views are wanted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.virality.features.feature import Available, Feature
from streams.virality.features.growth import log_age, usual_growth

Floats = npt.NDArray[np.float64]


def _declared(name: str, unit: str, about: str, available_at: Available = "horizon") -> Feature:
    return Feature(name, unit, "request", available_at, about)


FEATURES: tuple[Feature, ...] = (
    _declared("horizon", "log10 h", "age at which the views are wanted"),
    _declared("usual_growth", "log10", "usual views at that age against those at 24 h"),
    _declared("ahead", "log10 h", "from the last observation to that age", "observation"),
    _declared("stretch", "log10", "that age against the age when last observed", "observation"),
    _declared("usual_ahead", "log10", "usual growth on the way there", "observation"),
    _declared("at_this_velocity", "log10", "growth if views go on coming as fast", "observation"),
    _declared("at_this_slope", "log10", "growth if it goes on as steeply", "observation"),
)


def horizon_features(horizon_h: Floats, observed: dict[str, Floats]) -> dict[str, Floats]:
    """Features of this module by name, NaN where unknown.

    Args:
        horizon_h: age in hours at which views are wanted, one per moment.
        observed: features of the observations.
    """
    age_h = 10 ** observed["age"]
    ahead_h = np.maximum(horizon_h - age_h, 0)
    log_horizon = log_age(horizon_h)
    coming = (10 ** observed["velocity"] - 1) * ahead_h
    return {
        "horizon": log_horizon,
        "usual_growth": usual_growth(horizon_h),
        "ahead": np.log10(np.maximum(ahead_h, 1 / 60)),
        "stretch": log_horizon - observed["age"],
        "usual_ahead": usual_growth(horizon_h) - usual_growth(age_h),
        "at_this_velocity": np.log10(1 + coming / 10 ** observed["views"]),
        "at_this_slope": observed["slope"] * (log_horizon - observed["age"]),
    }
