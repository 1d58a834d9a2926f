"""How models did on predictions whose actuals have come, out of the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from streams.virality.registry.shadow import PAIR, ShadowRecord, judged

SHADOW_PAIRS = "models.shadow_pairs"
MOST_PAIRS = 50_000  # the newest predictions that a shadow is judged by


def pairs_of(version: str) -> dict[str, Any]:
    """The values that the statement `SHADOW_PAIRS` asks for, of a shadow."""
    return {"version": version, "most": MOST_PAIRS}


def records(rows: Sequence[Mapping[str, Any]]) -> list[ShadowRecord]:
    """The record of a shadow beside each model that served, of the rows of `SHADOW_PAIRS`."""
    return judged(pl.DataFrame(rows, schema=PAIR, orient="row"))
