"""The feature table: one column per declared feature, made of moments alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features import channel, horizon, observation, request
from streams.virality.features.feature import CODE, Feature

Floats = npt.NDArray[np.float64]

# The order of the columns. A model remembers the hash of the list it was trained with.
FEATURES: tuple[Feature, ...] = (
    *request.FEATURES,
    *channel.FEATURES,
    *observation.FEATURES,
    *horizon.FEATURES,
)
# What is known before anybody has seen the video.
BEFORE: tuple[Feature, ...] = tuple(
    feature for feature in FEATURES if feature.available_at != "observation"
)
# All, once counts were observed.
AFTER: tuple[Feature, ...] = FEATURES

# Counted up when a feature keeps its name and is computed otherwise.
_REVISION = 1


def feature_table(moments: pl.DataFrame, horizon_h: float | pl.Series) -> pl.DataFrame:
    """Features of moments.

    A row depends on its own moment alone: not on other rows, their order, nor how they are
    chunked.

    Args:
        moments: `MOMENT`.
        horizon_h: age in hours at which views are wanted: one for all, or one per moment.

    Returns:
        One Float64 column per feature in the order of `FEATURES`, null where unknown, one row per
        moment.
    """
    asked = (
        np.full(moments.height, horizon_h, np.float64)
        if isinstance(horizon_h, int | float)
        else horizon_h.cast(pl.Float64).to_numpy()
    )
    history = channel.channel_features(moments)
    observed = observation.observation_features(
        moments, history["channel_mean"], history["channel_recent"]
    )
    numbers = {**history, **observed, **horizon.horizon_features(asked, observed)}
    measured = pl.DataFrame(
        {feature.name: numbers[feature.name] for feature in FEATURES if feature.name in numbers},
        nan_to_null=True,
    )
    return moments.select(request.EXPRESSIONS).hstack(measured)


def matrix(table: pl.DataFrame, features: Sequence[Feature] = FEATURES) -> Floats:
    """Columns of a feature table as what models take: C order, NaN where unknown.

    Args:
        table: from `feature_table`.
        features: the columns, in this order.
    """
    columns = table.select(pl.col(feature.name).fill_null(np.nan) for feature in features)
    return np.ascontiguousarray(columns.to_numpy(), dtype=np.float64)


def codes(features: Sequence[Feature]) -> list[int]:
    """Places of the features whose numbers only name things."""
    return [place for place, feature in enumerate(features) if feature.unit == CODE]


def feature_hash(features: Sequence[Feature] = FEATURES) -> str:
    """SHA-256 of what the features are called, what they count and how they are computed."""
    declared = "\n".join(
        f"{feature.name}\t{feature.unit}\t{feature.source}\t{feature.available_at}"
        for feature in features
    )
    return hashlib.sha256(f"{_REVISION}\n{declared}".encode()).hexdigest()
