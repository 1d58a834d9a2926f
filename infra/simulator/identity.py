"""Ids of simulated events: drawn from the seed, so that they are the same in every run."""

from __future__ import annotations

import numpy as np
import polars as pl

from infra.simulator.scenario import Generator

_HEX = 32  # characters: 128 bits


def event_ids(generator: Generator, count: int) -> pl.Series:
    """Random ids as 32 hexadecimal digits, String, named event_id."""
    digits = np.frombuffer(generator.bytes(count * _HEX // 2).hex().encode(), dtype=f"S{_HEX}")
    return pl.Series("event_id", digits.tolist(), dtype=pl.Binary).cast(pl.String)
