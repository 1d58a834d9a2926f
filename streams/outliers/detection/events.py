"""Detections, retractions and shifts as events.

One value at a time where a function is not rounded exactly (powers, tails): an event that is made
again after a crash has to be the same to the last bit, whatever else is in its chunk.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_DETECTIONS, OUTLIER_SHIFTS
from streams.outliers.detection.arrays import Floats, Integers
from streams.outliers.detection.channels import FORMATS, instants
from streams.outliers.detection.history import FEWEST, Asked, Expected, History
from streams.outliers.detection.memory import Memory, Turns
from streams.outliers.detection.shifts import Shifts
from streams.outliers.detection.verdicts import ENOUGH
from streams.outliers.model.posterior import quantile, upper_tail

DETECTIONS = frame_schema(OUTLIER_DETECTIONS.schema)
SHIFTS = frame_schema(OUTLIER_SHIFTS.schema)

_RANGE = 0.95  # upper end of the range that nine usual videos in ten stay in
_UNIT = 1_000_000
_NAMESPACE = uuid.UUID("0c4f8a52-8f0e-5d7c-9c55-0d9a4a4f4f1e")


def identity(*names: object) -> str:
    """A name-based UUID (RFC 9562, version 5) of what makes an event this one."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, names))))


def detection_ids(snapshots: pl.DataFrame, turns: Turns) -> pl.Series:
    """event_id of each snapshot's detection or retraction; null where there is neither."""
    turned = np.flatnonzero(turns.entered | turns.left)
    where = snapshots[turned].select("_partition", "_offset", "video_id").iter_rows()
    ids = pl.Series("event_id", [identity("verdict", *one) for one in where], dtype=pl.String)
    nowhere = pl.repeat(None, len(snapshots), dtype=pl.String, eager=True)
    return nowhere.scatter(turned, ids).alias("event_id")


def detections(
    snapshots: pl.DataFrame,
    turns: Turns,
    ids: pl.Series,
    asked: Asked,
    expected: Expected,
    history: History,
    memory: Memory,
    growth: str,
) -> pl.DataFrame:
    """OutlierDetected events, in the order of the log.

    Args:
        snapshots: those that count, with format, age_s, age_from_h and log10_views.
        ids: of `detection_ids`.
        asked: what each was set against.
        expected: what is usual for each.
        growth: version of the curves.
    """
    turned = np.flatnonzero(turns.entered | turns.left)
    if not len(turned):
        return pl.DataFrame(schema=DETECTIONS)
    found = snapshots[turned]
    left = pl.Series(turns.left[turned])
    prior, views = _prior(turns.prior[turned], ids, snapshots["views"].to_numpy(), memory)
    asked = asked.at(turned)
    share, n = asked.share, expected.n[turned]
    # What begins anew may be taken back with nobody left to compare with.
    bare = np.flatnonzero(n < FEWEST)
    expected = Expected._make(column[turned] for column in expected)
    for whole, part in zip(expected, history.anyhow(asked.at(bare)), strict=True):
        whole[bare] = part
    median, mad = history.middle(asked)
    alone = n == 0
    median, mad = np.where(alone, expected.location, median), np.where(alone, 0.0, mad)
    figures = _figures(found["log10_views"].to_numpy(), found["views"].to_list(), share, expected)
    confirms = pl.Series(turns.entered[turned] & (turns.before[turned] > 0))
    return found.with_columns(
        ids[turned],
        *figures,
        pl.Series("baseline_n", n),
        pl.Series("baseline_median_log10", median + share),
        pl.Series("baseline_mad_log10", mad),
        (pl.col("age_from_h") == 0).alias("too_recent"),
        pl.Series("insufficient_history", n < ENOUGH),
        pl.col("_partition").alias("source_partition"),
        pl.col("_offset").alias("source_offset"),
        pl.select(pl.when(left).then(pl.lit("retracted")).otherwise(pl.lit("outlier")))
        .to_series()
        .alias("verdict"),
        prior.set(~left, None).alias("retracts"),
        prior.set(~confirms, None).alias("confirms"),
        pl.select(
            pl.when(left & (found["views"] < pl.Series(views)))
            .then(pl.lit("recount"))
            .when(left)
            .then(pl.lit("rejudged"))
            .otherwise(None)
        )
        .to_series()
        .alias("reason"),
        pl.lit(growth).alias("growth"),
    ).select(pl.col(name).cast(dtype) for name, dtype in DETECTIONS.items())


def shifted(
    snapshots: pl.DataFrame, shifts: Shifts, asked: Asked, series: Integers, history: History
) -> pl.DataFrame:
    """BaselineShifted events of videos, in the order of the log.

    Args:
        snapshots: those that count.
        asked: what each was set against.
        series: of each snapshot.
    """
    if not len(shifts.snapshot):
        return pl.DataFrame(schema=SHIFTS)
    order = np.argsort(shifts.snapshot)
    shifts = Shifts._make(column[order] for column in shifts)
    at = shifts.snapshot
    found = snapshots[at]
    own = found["log10_views"].to_numpy() - asked.share[at]
    before, after = _levels(asked.at(at), shifts.since, own, history)
    formats = [FORMATS[number % len(FORMATS)] for number in series[at]]
    ways = ["up" if up else "down" for up in shifts.up]
    where = found.select("_partition", "_offset").rows()
    return found.with_columns(
        pl.Series(
            "event_id", [identity("shift", *p, f) for p, f in zip(where, formats, strict=True)]
        ),
        pl.lit("videos").alias("measure"),
        pl.Series("format", formats),
        pl.Series("direction", ways),
        pl.Series("factor", [10.0 ** float(step) for step in after - before]),
        pl.Series("before_log10", before),
        pl.Series("after_log10", after),
        pl.Series("observations", shifts.videos),
        instants(shifts.since).alias("since"),
        pl.Series("statistic", shifts.total / _UNIT),
        pl.col("_partition").alias("source_partition"),
        pl.col("_offset").alias("source_offset"),
    ).select(pl.col(name).cast(dtype) for name, dtype in SHIFTS.items())


def _prior(
    prior: Integers, ids: pl.Series, views: Integers, memory: Memory
) -> tuple[pl.Series, Integers]:
    """event_id and views of the detection that stood before each; null and 0 where none did."""
    stood = [None if at == -1 else at for at in prior]
    known = np.flatnonzero(prior < -1)
    named, counted = memory.known_detections(prior[known])
    names: list[Any] = [None if at is None or at < 0 else ids[int(at)] for at in stood]
    count = np.where(prior >= 0, views[np.maximum(prior, 0)], 0)
    for place, name in zip(known, named, strict=True):
        names[place] = name
    count[known] = counted
    return pl.Series(names, dtype=pl.String), count


def _figures(x: Floats, views: list[int], share: Floats, expected: Expected) -> Iterable[pl.Series]:
    columns: dict[str, list[float]] = {
        name: []
        for name in (
            *("expected_views", "multiple", "z", "tail_probability"),
            *("expected_low", "expected_high", "scale_log10", "df"),
        )
    }
    for at in range(len(x)):
        scale, df = float(expected.scale[at]), float(expected.df[at])
        centre = float(expected.location[at]) + float(share[at])
        z = (float(x[at]) - centre) / scale
        reach = float(quantile(_RANGE, np.array([df]))[0]) * scale
        usual = 10.0**centre
        row = (
            *(usual - 1, (views[at] + 1) / usual, z),
            float(upper_tail(np.array([z]), np.array([df]))[0]),
            *(max(10.0 ** (centre - reach) - 1, 0.0), 10.0 ** (centre + reach) - 1, scale, df),
        )
        for column, value in zip(columns.values(), row, strict=True):
            column.append(value)
    return [pl.Series(name, values, dtype=pl.Float64) for name, values in columns.items()]


def _levels(asked: Asked, since: Integers, own: Floats, history: History) -> tuple[Floats, Floats]:
    """Medians of the history before and from each shift on, the tipping video in the latter."""
    before, after = np.empty(len(since)), np.empty(len(since))
    for window in history.windows(asked):
        for column, row in enumerate(window.rows):
            at = window.at[window.inside[:, column], column]
            new = history.published[at] >= since[row]
            after[row] = np.median(np.append(history.level[at[new]], own[row]))
            old = history.level[at[~new]]
            before[row] = np.median(old) if len(old) else after[row]
    return before, after
