"""Two models on the same rows: what a promotion is decided by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import polars as pl

from streams.virality.models.forecaster import Forecaster
from streams.virality.moments_of.as_of import AsOf
from streams.virality.registry.comparison import Comparison, compare
from streams.virality.training.examples import Examples, answered, questions
from streams.virality.training.fit import horizons
from streams.virality.training.train import MOST_VIDEOS, STAGES, Data


def compared(
    candidate: Forecaster, serving: Forecaster, examples: Iterable[Examples], *, seed: int = 1
) -> Comparison:
    """A candidate beside the model that serves.

    Args:
        examples: that neither has learned from.
    """
    parts = [paired(candidate, serving, one) for one in examples if one.height]
    if not parts:
        nothing = pl.DataFrame(
            schema={
                "video_id": pl.String,
                "at": pl.Datetime("us", "UTC"),
                "candidate": pl.Float64,
                "serving": pl.Float64,
            }
        )
        return compare(nothing, seed=seed)
    return compare(pl.concat(parts), seed=seed)


def paired(candidate: Forecaster, serving: Forecaster, examples: Examples) -> pl.DataFrame:
    """Absolute errors of both, log10 views: `video_id`, `at`, `candidate`, `serving`."""
    asked, actual = horizons(examples), examples.asked["actual"].to_numpy()
    return examples.asked.select("video_id", "at").with_columns(
        pl.Series(name, np.abs(model.at(examples.moments, asked).median - actual))
        for name, model in (("candidate", candidate), ("serving", serving))
    )


def later_examples(data: Data, since: dt.datetime | None, *, seed: int = 1) -> list[Examples]:
    """Examples of both stages whose moments are of a time or later; None is of any time."""
    as_of = AsOf(data.videos, data.observations)
    found = []
    for stage in STAGES:
        asked = questions(data.videos, data.observations, stage, most_videos=MOST_VIDEOS, seed=seed)
        if since is not None:
            asked = asked.filter(pl.col("at") >= since)
        found.append(answered(as_of, asked, stage))
    return found


def unseen_by(*models: Forecaster) -> dt.datetime | None:
    """From when on none of the models has learned anything; None where that is not known."""
    known = [model.description.trained_until for model in models]
    return max((one for one in known if one is not None), default=None)
