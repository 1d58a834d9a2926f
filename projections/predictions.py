"""Predictions: what was predicted, what a shadow says of the same, and what became of it.

All come on one topic, and an actual may stand before its prediction (a redelivery, a producer of
its own), so each has a table of its own and none waits for another. A prediction never changes: of
one id the first in the log counts, and so it is with each shadow's word on it. Of actuals there is
one a source, the newest by `occurred_at`, ties by arrival; which source a reader believes is for
the reader to say. What nobody in the log has observed was given.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from schemas.catalogue import VIRALITY_PREDICTIONS
from schemas.sql import beside


def fold_events(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The first prediction of each id, the first of each id and shadow, and the newest actual of
    each id and source."""
    kind = pl.col("_type")
    made = events.filter(kind == "PredictionMade").unique(
        "prediction_id", keep="first", maintain_order=True
    )
    given = (
        pl.when(pl.col("source") == "observed").then(pl.lit("observed")).otherwise(pl.lit("given"))
    )
    shadowed = events.filter(kind == "PredictionShadowed").unique(
        ["prediction_id", "model_version"], keep="first", maintain_order=True
    )
    told = events.filter(kind == "ActualObserved").with_columns(source=given)
    told = told.sort("occurred_at", "_offset")
    newest = told.unique(["prediction_id", "source"], keep="last", maintain_order=True)
    return {
        "predictions": made.sort("prediction_id").select(
            "prediction_id",
            "user_id",
            "video_id",
            "channel_id",
            "title",
            "category",
            "request",
            "predicted_views",
            "lower",
            "upper",
            "horizon_h",
            "due_at",
            "score",
            "stage",
            "model_version",
            made_at="occurred_at",
        ),
        "shadows": shadowed.sort("prediction_id", "model_version").select(
            "prediction_id",
            "model_version",
            "predicted_views",
            "lower",
            "upper",
            "horizon_h",
            "score",
            "stage",
            made_at="occurred_at",
        ),
        "actuals": newest.sort("prediction_id", "source").select(
            "prediction_id",
            "source",
            "actual_views",
            "horizon_h",
            "feedback",
            observed_at="occurred_at",
            log_offset="_offset",
        ),
    }


PREDICTIONS = Projection(
    name="predictions",
    version=2,
    statements=beside(__file__),
    sources=(
        Source(
            VIRALITY_PREDICTIONS,
            None,
            fold_events,
            ("insert_predictions", "insert_shadows", "upsert_actuals"),
            tables={
                "predictions": "predictions",
                "shadows": "prediction_shadows",
                "actuals": "prediction_actuals",
            },
        ),
    ),
)
