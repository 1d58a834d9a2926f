"""What a model is to those who ask it about moments, and how it is asked so that nothing breaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import polars as pl
import structlog

log = structlog.get_logger()

HORIZONS = ("24h", "7d", "30d")
PREDICTED = tuple(
    f"predicted_views_{horizon}{end}" for horizon in HORIZONS for end in ("", "_lower", "_upper")
)
ANSWER = pl.Schema({**dict.fromkeys((*PREDICTED, "score"), pl.Float64()), "stage": pl.String()})


class Reason(Protocol):
    """Something that moved a forecast."""

    @property
    def text(self) -> str:
        """In words with numbers."""


class Model(Protocol):
    """Forecasts of moments; see `streams.virality.models.forecaster`."""

    @property
    def version(self) -> str:
        """What made a forecast."""

    def forecast(self, moments: pl.DataFrame) -> pl.DataFrame:
        """One row for each moment: `ANSWER` and others."""

    def explain(self, moments: pl.DataFrame, top: int = 5) -> Sequence[Sequence[Reason]]:
        """For each moment what moved its forecast most."""


class Serving(Protocol):
    """Knows which model serves now."""

    @property
    def serving(self) -> Model:
        """Take it once for a batch."""


def answered(model: Model, moments: pl.DataFrame) -> pl.DataFrame:
    """What the model says, one row of `ANSWER` for each moment.

    A moment that it cannot take is all null: events go on without a forecast, they are no dead
    letters for it. Which one that is, is found by halves.
    """
    if moments.is_empty():
        return pl.DataFrame(schema=ANSWER)
    try:
        said = model.forecast(moments)
        return said.select(pl.col(name).cast(dtype) for name, dtype in ANSWER.items())
    except (Exception, pl.exceptions.PanicException) as error:
        if moments.height == 1:
            log.error(
                "no forecast",
                video_id=moments["video_id"][0],
                model=model.version,
                reason=" ".join(f"{type(error).__name__}: {error}".split())[:300],
            )
            return pl.DataFrame(schema=ANSWER).clear(1)
    half = moments.height // 2
    return pl.concat([answered(model, moments[:half]), answered(model, moments[half:])])


def reasons(model: Model, moments: pl.DataFrame) -> list[list[str]]:
    """What moved the forecast of each moment, in words; nothing where the model cannot say."""
    if moments.is_empty():
        return []
    try:
        return [[one.text for one in some] for some in model.explain(moments)]
    except Exception as error:
        log.error("no reasons", model=model.version, reason=" ".join(str(error).split())[:300])
        return [[] for _ in range(moments.height)]
