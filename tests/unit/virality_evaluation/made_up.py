"""Curves of daily views that are made up: a power law with its own exponent, week and noise."""

from __future__ import annotations

import numpy as np
import polars as pl

from streams.virality.growth.curves import Curves

CATEGORIES = ("Gaming", "Music")


def table(videos: int, *, seed: int = 1, days: int = 120, first: int = 0) -> pl.DataFrame:
    """Rows as in a file of daily views; ids count up from `first`."""
    rng = np.random.default_rng(seed)
    age = np.arange(days) + 1.0
    decay = rng.uniform(0.3, 2.0, (videos, 1))
    size = 10 ** rng.uniform(2, 5, (videos, 1))
    noise = np.exp(rng.normal(0, 0.2, (videos, days)))
    daily = rng.poisson(size * age**-decay * noise * (1 + 0.2 * np.sin(age * 2 * np.pi / 7)))
    return pl.DataFrame(
        {
            "video_id": [f"v{first + i}" for i in range(videos)],
            "category": [CATEGORIES[i % 2] for i in range(videos)],
            "daily_views": (daily + 1).tolist(),
        }
    )


def curves(videos: int, *, seed: int = 1) -> Curves:
    """The same as arrays."""
    daily = np.array(table(videos, seed=seed)["daily_views"].to_list(), np.float64)
    return Curves(daily, np.arange(videos) % 2, CATEGORIES)
