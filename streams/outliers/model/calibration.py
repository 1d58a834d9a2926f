"""How well curves and priors describe snapshots that were not learned from."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streams.outliers.model.growth import Growth
from streams.outliers.model.histories import CONTRIBUTE_H, Histories, histories
from streams.outliers.model.learning import said_growth
from streams.outliers.model.observations import increments
from streams.outliers.model.posterior import upper_tail
from streams.outliers.model.spread import log_scores

Floats = NDArray[np.float64]

PROBABILITIES = (0.01, 0.05, 0.1)
HISTORIES = (0, 5, 10, 20, 40)  # lower ends of lengths
LEAST_JUDGED = 100


def measured(growth: Growth, observed: pl.DataFrame, since: dt.datetime) -> dict[str, Any]:
    """Figures of the observations from a moment on.

    Args:
        observed: from `observations`; what was before `since` is history.

    Returns:
        `growth`: mean absolute error of log10 growth between snapshots, and that of "no growth";
        `judged`: observations with five earlier videos; `log score`, the mean logarithm of their
        predictive density; `share at p`: how many lay beyond each of `PROBABILITIES`, of all, by
        age and by length of history. Without real hits the share would be the probability.
    """
    later = increments(observed.filter(pl.col("occurred_at") >= since))
    grown = later["growth"].to_numpy()
    off = np.abs(grown - said_growth(growth, later))
    judged = [_judged(one, growth) for one in histories(observed, growth, since)]
    tail, score, n, age_h = np.concatenate([np.empty((4, 0)), *judged], axis=1)
    enough = n >= HISTORIES[1]
    by_age = zip(CONTRIBUTE_H, (*CONTRIBUTE_H[1:], np.inf), strict=True)
    by_length = zip(HISTORIES, (*HISTORIES[1:], np.inf), strict=True)
    return {
        "growth": {
            "increments": later.height,
            "mean absolute error": _mean(off),
            "no growth": _mean(np.abs(grown)),
        },
        "judged": int(enough.sum()),
        "log score": _mean(score[enough]),
        "share at p": {
            "all": _shares(tail, enough),
            "by age": {
                f"from {low:g} h": _shares(tail, enough & (age_h >= low) & (age_h < high))
                for low, high in by_age
            },
            "by earlier videos": {
                f"from {low}": _shares(tail, (n >= low) & (n < high)) for low, high in by_length
            },
        },
    }


def _judged(found: Histories, growth: Growth) -> Floats:
    """Tail probability, log score, length of history and age (h) of each, as four rows."""
    posterior = found.videos.of(growth)
    tail = upper_tail((found.videos.x - posterior.location) / posterior.scale, posterior.df)
    score = log_scores(found.videos.x, posterior)
    return np.array([tail, score, found.n, found.rows["age_h"].to_numpy()])


def _shares(tail: NDArray[np.float64], kept: NDArray[np.bool_]) -> dict[str, Any]:
    shares = {f"{p:g}": _mean((tail <= p)[kept]) for p in PROBABILITIES}
    return {"judged": int(kept.sum()), **shares}


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None
