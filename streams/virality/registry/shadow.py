"""Shadow scoring: what another model would have said, and which of the two was nearer."""

from __future__ import annotations

import polars as pl

from streams.virality.models.forecaster import HORIZONS_H, Forecaster

SERVING, SHADOW = "serving", "shadow"


def beside(serving: Forecaster, shadow: Forecaster | None, moments: pl.DataFrame) -> pl.DataFrame:
    """Forecasts of the model that serves, and of its shadow if there is one.

    Args:
        moments: `MOMENT`.

    Returns:
        For each moment, model and age to come one row: `video_id`, `at`, `role` ("serving" or
        "shadow"), `model_version`, `horizon_h` Float64, `predicted`, `lower`, `upper` Float64
        (views).
    """
    parts = []
    for role, model in ((SERVING, serving), (SHADOW, shadow)):
        if model is None:
            continue
        said = pl.concat(
            [moments.select("video_id", "at"), model.forecast(moments)], how="horizontal"
        )
        parts += [
            said.select(
                "video_id",
                "at",
                pl.lit(role).alias("role"),
                pl.lit(model.version).alias("model_version"),
                pl.lit(hours).alias("horizon_h"),
                pl.col(f"predicted_views_{name}").alias("predicted"),
                pl.col(f"predicted_views_{name}_lower").alias("lower"),
                pl.col(f"predicted_views_{name}_upper").alias("upper"),
            )
            for name, hours in HORIZONS_H.items()
        ]
    return pl.concat(parts).drop_nulls("predicted")


def judged(forecasts: pl.DataFrame, actuals: pl.DataFrame) -> pl.DataFrame:
    """Errors of each model, once what was forecast has come.

    Where there is a shadow, only forecasts count that both have made, so that the figures compare.

    Args:
        forecasts: from `beside`, of any number of moments.
        actuals: `video_id`, `horizon_h` Float64, `actual` (views at that age).

    Returns:
        By `role`, `model_version` and `horizon_h`: `rows` UInt32, `mae` (mean absolute error, log10
        views), `coverage` (share that the band held), `width` (median upper / lower), Float64.
    """
    came = forecasts.join(actuals, on=["video_id", "horizon_h"]).unique(
        ["video_id", "at", "horizon_h", "role", "model_version"], keep="last", maintain_order=True
    )
    moment = ["video_id", "at", "horizon_h"]
    both = came.filter(role=SHADOW).select(moment).unique()
    if both.height:
        came = came.join(both, on=moment, how="semi")
    logs = {name: (pl.col(name) + 1).log10() for name in ("predicted", "lower", "upper", "actual")}
    return (
        came.group_by("role", "model_version", "horizon_h")
        .agg(
            rows=pl.len(),
            mae=(logs["predicted"] - logs["actual"]).abs().mean(),
            coverage=pl.col("actual").is_between("lower", "upper").mean(),
            width=(10 ** (logs["upper"] - logs["lower"])).median(),
        )
        .sort("horizon_h", "role", "model_version")
    )
