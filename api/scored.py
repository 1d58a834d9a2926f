"""Rows of scores and forecasts as the API shows them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from api.database import Row
from api.shapes.virality import Band, Decayed, Forecast, Predicted, Virality
from streams.virality.burst import burst_z
from streams.virality.decay import HOUR, TIME_CONSTANTS


def scored(rows: Sequence[Row], now: dt.datetime) -> list[dict[str, Any]]:
    """Rows of `virality_scores` as the fields of `Virality`."""
    bursts = bursts_now(rows, now)
    return [_scored(row, burst, now) for row, burst in zip(rows, bursts, strict=True)]


def _scored(row: Row, burst: float, now: dt.datetime) -> dict[str, Any]:
    at_as_of = {name: row[name] for name in Decayed.model_fields}
    return {
        **{name: row[name] for name in Virality.model_fields if name in row},
        "at_as_of": Decayed(**at_as_of),
        "now": Decayed(**brought_to(at_as_of, (now - row["as_of"]).total_seconds())),
        "burst_z": burst,
        "predicted": predicted(row),
    }


def forecast_of(row: Row) -> Forecast:
    """A row of `virality_forecasts`."""
    return Forecast(**row, predicted=predicted(row))


def observed(row: Row) -> dict[str, Any]:
    """A row of `virality_forecasts` as the fields of `Virality`, where there is no score."""
    forecast = forecast_of(row)
    return {
        **{name: row[name] for name in Virality.model_fields if name in row},
        "source": "snapshots",
        "predicted": forecast.predicted,
        "forecast": forecast,
    }


def predicted(row: Row) -> Predicted:
    """The forecast of a row that has one, or nulls."""
    return Predicted(
        **{
            f"at_{age}": Band(
                views=row[f"predicted_views_{age}"],
                lower=row[f"predicted_views_{age}_lower"],
                upper=row[f"predicted_views_{age}_upper"],
            )
            for age in ("24h", "7d", "30d")
        }
    )


def bursts_now(rows: Sequence[Row], now: dt.datetime) -> list[float]:
    """`burst_z` of each row brought to now: without events the last hour's views fade first."""
    silent = [max((now - row["as_of"]).total_seconds(), 0.0) / HOUR for row in rows]
    lived = [
        math.inf
        if row["since"] is None
        else (row["as_of"] - row["since"]).total_seconds() / HOUR + hours
        for row, hours in zip(rows, silent, strict=True)
    ]
    faded = np.exp(-np.outer([HOUR / TIME_CONSTANTS[name] for name in ("1h", "24h")], silent))
    hour, day = faded * [[row[f"views_{name}"] for row in rows] for name in ("1h", "24h")]
    found: list[float] = burst_z(hour, day, np.array(lived)).tolist()
    return found


def brought_to(figures: dict[str, float], seconds: float) -> dict[str, float]:
    """Decayed figures after some more seconds without events: each times exp(-seconds / its time
    constant). An event a little ahead of this clock does not make them grow."""
    elapsed = max(seconds, 0.0)
    constants = {"velocity": TIME_CONSTANTS["6h"]} | {
        f"views_{window}": constant for window, constant in TIME_CONSTANTS.items()
    }
    return {name: value * math.exp(-elapsed / constants[name]) for name, value in figures.items()}
