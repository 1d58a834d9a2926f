"""Moments into rows of `virality.forecasts.v1`: the model's answer, and how fast counts grow."""

from __future__ import annotations

import polars as pl

from schemas.avro_types import frame_schema
from schemas.catalogue import VIRALITY_FORECASTS
from streams.virality.forecasts.model import Model, Serving, answered, reasons
from streams.virality.moments import MOMENT
from streams.virality.reference.uploads import Uploads

SCHEMA = frame_schema(VIRALITY_FORECASTS.schema)

# To explain costs some thirty times as much as to forecast: of a chunk those with the best scores.
_EXPLAINED = 32

_HOUR_US = 3_600_000_000


class ForecastRows:
    """Makes forecasts of moments with the model that serves.

    Args:
        serving: which that is.
        uploads: what uploads said of videos beyond what snapshots do; None is nothing.
    """

    def __init__(self, serving: Serving, uploads: Uploads | None = None) -> None:
        self._serving = serving
        self._uploads = uploads

    def __call__(self, moments: pl.DataFrame) -> pl.DataFrame:
        """Rows of the topic, one for each moment in any order.

        Args:
            moments: `ASKED`.
        """
        model = self._serving.serving
        ahead = moments.filter("ahead")
        if self._uploads is not None:
            ahead = self._uploads.told(ahead)
        said = pl.concat([ahead, answered(model, ahead)], how="horizontal")
        told = said.with_columns(_explained(model, said))
        return (
            pl.concat([told, moments.filter(~pl.col("ahead"))], how="diagonal")
            .with_columns(
                pl.col("at").alias("as_of"),
                (pl.col("at") - pl.col("published_at")).dt.total_seconds().alias("age_s"),
                *growth(),
                pl.lit(model.version).alias("model_version"),
                pl.col("reasons").fill_null([]),
            )
            .select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
        )


def _explained(model: Model, said: pl.DataFrame) -> pl.Series:
    best = pl.col("score").rank("ordinal", descending=True) <= _EXPLAINED
    chosen = said.select(best.fill_null(value=False)).to_series().arg_true()
    told: list[list[str]] = [[] for _ in range(said.height)]
    for row, texts in zip(chosen, reasons(model, said.select(MOMENT.names())[chosen]), strict=True):
        told[row] = texts
    return pl.Series("reasons", told, pl.List(pl.String))


def growth() -> list[pl.Expr]:
    """`views`, `velocity` and `acceleration` of moments, Float64 but for the views (Int64).

    Velocity is views an hour between the newest count and the newest one at least an hour before
    it, or, where there is none, publication, when there were no views. It is negative after a
    recount; null without counts, and for a count of the very instant of publication. Acceleration
    is the velocity against the mean rate since publication; null as long as there are no views.
    """
    observed = pl.col("observed")
    last = observed.list.last()
    views, at = last.struct.field("views"), last.struct.field("at")
    since = _instant(at)
    before = observed.list.eval(
        pl.element().filter(
            _instant(pl.element().struct.field("at"))
            <= _instant(pl.element().struct.field("at").max()) - _HOUR_US
        )
    ).list.last()
    started = pl.coalesce(_instant(before.struct.field("at")), _instant(pl.col("published_at")))
    grown = views - before.struct.field("views").fill_null(0)
    hours = (since - started) / _HOUR_US
    velocity = pl.when(hours > 0).then(grown / hours)
    lived = (since - _instant(pl.col("published_at"))) / _HOUR_US
    mean = pl.when((lived > 0) & (views > 0)).then(views / lived)
    return [
        views.alias("views"),
        velocity.alias("velocity"),
        (velocity / mean).alias("acceleration"),
    ]


def _instant(time: pl.Expr) -> pl.Expr:
    return time.dt.timestamp("us")
