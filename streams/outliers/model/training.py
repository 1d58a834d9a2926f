"""Curves out of the log: learned from the earlier part, measured on the later one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from streams.outliers.model.calibration import LEAST_JUDGED, measured
from streams.outliers.model.errors import TooLittleDataError
from streams.outliers.model.growth import Growth
from streams.outliers.model.learning import Said, learn
from streams.outliers.model.observations import observations

LEARNED_SHARE = 0.8  # of the observations, the earliest


@dataclass(frozen=True)
class Trained:
    """What came of it.

    Attributes:
        growth: learned before `since`.
        since: from when on it was measured.
        facts: what it was learned from.
        evaluation: by `learned`, `serving` and `shipped`: figures of `calibration.measured`.
        better: whether the learned one describes the later part better than the serving one.
    """

    growth: Growth
    since: dt.datetime
    facts: dict[str, Any]
    evaluation: dict[str, Any]
    better: bool


def train(
    snapshots: pl.DataFrame,
    serving: Growth,
    *,
    facts: Mapping[str, Any] | None = None,
    said: Said = lambda _: None,
) -> Trained:
    """Learn from the first 80 % of the observations in time, and measure on the rest.

    Args:
        snapshots: `SNAPSHOT_COLUMNS`.
        serving: what agents judge by now.
        facts: where the snapshots are from.
        said: told what is done at the moment.

    Raises:
        TooLittleDataError: either part is too small.
    """
    observed = observations(snapshots)
    if not observed.height:
        raise TooLittleDataError(
            f"of {snapshots.height:,} snapshots none tells views of a video younger than 90 days: "
            "there is nothing to learn from"
        )
    since = observed["occurred_at"].sort()[int(observed.height * LEARNED_SHARE)]
    earlier = observed.filter(pl.col("occurred_at") < since)
    known = {
        **(facts or {}),
        "snapshots": snapshots.height,
        "observations": earlier.height,
        "videos": earlier["video_id"].n_unique(),
        "channels": earlier["channel_id"].n_unique(),
        "from": earlier["occurred_at"].min(),
        "to": since,
    }
    told = {name: _plain(value) for name, value in known.items()}
    growth = learn(earlier, facts=told, said=said)
    evaluation: dict[str, Any] = {"since": since.isoformat()}
    for name, one in (("learned", growth), ("serving", serving), ("shipped", Growth.default())):
        said(f"measuring what is {name}")
        evaluation[name] = {"version": one.version, **measured(one, observed, since)}
    if evaluation["learned"]["judged"] < LEAST_JUDGED:
        raise TooLittleDataError(
            f"from {since:%Y-%m-%d %H:%M} UTC on {evaluation['learned']['judged']:,} observations "
            f"have five earlier videos of their channel; {LEAST_JUDGED:,} are needed to measure on"
        )
    better = evaluation["learned"]["log score"] > evaluation["serving"]["log score"]
    return Trained(growth, since, told, evaluation, better)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value
