"""Recent examples weigh more: what charts changes within months."""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt
import polars as pl

# Chosen on a time split inside the training data, docs/decisions/0011-prepublication.md.
MEMORY_DAYS = 60.0


def recency(asked: pl.DataFrame, memory_days: float = MEMORY_DAYS) -> npt.NDArray[np.float64]:
    """Weights of examples: exp(-age / memory), of the age against the newest outcome.

    Args:
        asked: `known_at`, at least one row.
        memory_days: after so many days an example weighs 1/e.
    """
    newest = asked["known_at"].max()
    assert isinstance(newest, dt.datetime)
    age = asked.select((pl.lit(newest) - pl.col("known_at")).dt.total_seconds() / 86_400)
    return np.exp(-age.to_series().to_numpy() / memory_days)
