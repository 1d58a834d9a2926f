"""The features of moments, made of moments alone: as numbers for models, as a frame for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features import channel, horizon, observation, request
from streams.virality.features.declared import FEATURES
from streams.virality.features.feature import Feature
from streams.virality.features.numbers import Numbers

Floats = npt.NDArray[np.float64]


def feature_numbers(moments: pl.DataFrame, horizon_h: float | Floats) -> Numbers:
    """Features of moments.

    A row depends on its own moment alone: not on other rows, their order, nor how they are
    chunked.

    Args:
        moments: `MOMENT`.
        horizon_h: age in hours at which views are wanted: one for all, or one per moment.
    """
    return features_and_past(moments, horizon_h)[0]


def features_and_past(
    moments: pl.DataFrame, horizon_h: float | Floats
) -> tuple[Numbers, channel.Past]:
    """`feature_numbers`, and the past that `varied` takes."""
    asked = np.broadcast_to(np.asarray(horizon_h, np.float64), moments.height)
    history, past = channel.channel_features(moments)
    observed = observation.observation_features(
        moments, history["channel_mean"], history["channel_recent"]
    )
    found = Numbers.of(
        {
            **request.request_features(moments),
            **history,
            **observed,
            **horizon.horizon_features(asked, observed),
        }
    )
    return found, past


def varied(numbers: Numbers, past: channel.Past, inputs: pl.DataFrame) -> Numbers:
    """Features of moments of which something is otherwise, as `feature_numbers` would make them.

    Args:
        numbers: features of moments before publication.
        past: of these moments.
        inputs: `published_at`, `duration_s` and `tag_count` of all of them, then of all of them
            again, and so on.
    """
    which = np.tile(np.arange(numbers.height), inputs.height // max(numbers.height, 1))
    published_h = inputs["published_at"].cast(pl.Int64).to_numpy() / 3.6e9
    length_s = inputs["duration_s"].cast(pl.Float64).to_numpy()
    return numbers.rows(which).with_columns(
        {
            **request.features_of_inputs(inputs),
            **channel.features_at(past.rows(which), published_h, length_s),
        }
    )


def feature_table(moments: pl.DataFrame, horizon_h: float | pl.Series) -> pl.DataFrame:
    """The same as a frame.

    Returns:
        One Float64 column per feature in the order of `FEATURES`, null where unknown, one row per
        moment.
    """
    asked = horizon_h.to_numpy() if isinstance(horizon_h, pl.Series) else horizon_h
    found = feature_numbers(moments, asked)
    columns = {feature.name: found[feature.name] for feature in FEATURES}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64), nan_to_null=True)


def matrix(table: pl.DataFrame, features: Sequence[Feature] = FEATURES) -> Floats:
    """Columns of a feature table as what models take: C order, NaN where unknown.

    Args:
        table: from `feature_table`.
        features: the columns, in this order.
    """
    columns = table.select(pl.col(feature.name).fill_null(np.nan) for feature in features)
    return np.ascontiguousarray(columns.to_numpy(), dtype=np.float64)
