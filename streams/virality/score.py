"""A first, transparent score: what it looks at can be read off its formula (docs/virality.md).

score = 100 (0.5 reach + 0.3 momentum + 0.2 response)

* reach = log10(1 + velocity) / 5, at most 1: 100,000 views an hour are full reach.
* momentum = a / (1 + a): the rate of the last hour against that of the last day; 0.5 is steady.
* response = r / (r + 0.05): likes, comments twice, saves twice and shares three times, a view;
  0.05 of them a view is half. Twenty views are added, so that few viewers do not decide.
"""

from __future__ import annotations

import math

import polars as pl

from streams.virality.burst import burst_z
from streams.virality.decay import HOUR, TIME_CONSTANTS

MODEL_VERSION = "transparent-1"

_FULL_REACH = 5.0  # log10 of views an hour
_USUAL_RESPONSE = 0.05  # weighted responses a view
_PRIOR_VIEWS = 20
_FLOOR = 1e-9  # a rate below is none

_UNKNOWN = [
    f"predicted_views_{horizon}{end}"
    for horizon in ("24h", "7d", "30d")
    for end in ("", "_lower", "_upper")
]


def per_hour(suffix: str) -> pl.Expr:
    """Views an hour, of a decayed sum: a steady rate r gives a sum of r tau."""
    return pl.col(f"views_{suffix}") * (HOUR / TIME_CONSTANTS[suffix])


def scored(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the virality state with what is derived from them.

    Args:
        rows: columns of `ViralityFold.state` and any others.

    Returns:
        The same rows with `velocity`, `acceleration`, `burst_z`, `score` Float64, `model_version`
        String, `reasons` List(String), and the predicted views, null.
    """
    weighted = pl.col("likes") + 2 * pl.col("comments") + 2 * pl.col("saves") + 3 * pl.col("shares")
    response = weighted.clip(lower_bound=0) / (pl.col("views") + _PRIOR_VIEWS)
    day = per_hour("24h")
    return (
        rows.with_columns(
            _bursts(rows),
            velocity=per_hour("6h"),
            acceleration=pl.when(day > _FLOOR).then(per_hour("1h") / day).otherwise(0.0),
            _response=response,
        )
        .with_columns(
            score=100
            * (
                0.5 * ((pl.col("velocity") + 1).log10() * (1 / _FULL_REACH)).clip(0, 1)
                + 0.3 * (pl.col("acceleration") / (1 + pl.col("acceleration")))
                + 0.2 * (pl.col("_response") / (pl.col("_response") + _USUAL_RESPONSE))
            ),
            model_version=pl.lit(MODEL_VERSION),
            reasons=_reasons(),
            **{name: pl.lit(None, dtype=pl.Float64) for name in _UNKNOWN},
        )
        .drop("_response")
    )


def _bursts(rows: pl.DataFrame) -> pl.Series:
    """`burst_z` at as_of. A row from before `since` was kept is as old as can be."""
    lived = (rows["as_of"] - rows["since"]).dt.total_microseconds().cast(pl.Float64) / (HOUR * 1e6)
    z = burst_z(
        rows["views_1h"].to_numpy(),
        rows["views_24h"].to_numpy(),
        lived.fill_null(math.inf).to_numpy(),
    )
    return pl.Series("burst_z", z)


def _reasons() -> pl.Expr:
    # One text that is split: Polars puts columns together into lists ten times as slowly.
    return pl.format(
        "{} views an hour over the last 6 h\n"
        "last hour at {} times the day's rate\n"
        "{} responses per 100 views",
        pl.col("velocity").round(1),
        pl.col("acceleration").round(2),
        (100 * pl.col("_response")).round(1),
    ).str.split("\n")
