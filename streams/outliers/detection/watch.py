"""What is usual for each snapshot, with the shifts that come between them."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import special

from streams.outliers.detection.arrays import FOREVER, NEVER, Booleans, Floats, Integers
from streams.outliers.detection.channels import micros
from streams.outliers.detection.history import Asked, Expected, History
from streams.outliers.detection.shifts import Levels, Shifts
from streams.outliers.detection.verdicts import ENOUGH
from streams.outliers.model.posterior import upper_tail


def watched(
    levels: Levels,
    snapshots: pl.DataFrame,
    series: Integers,
    asked: Asked,
    first: Booleans,
    history: History,
) -> tuple[Shifts, Asked, Expected]:
    """Set every snapshot against its history, which begins anew where the channel shifts.

    After a shift a video published since the shift's first video is set against such videos only,
    and an older one, which lived at the old level, against older ones.

    Args:
        levels: the watch; afterwards as it stands after all snapshots.
        snapshots: those that count, in the order of the log: published_at, log10_views.
        series: of each.
        asked: what each is to be set against, shifts apart.
        first: whether it is the first contribution of its video.
    """
    published, x = micros(snapshots["published_at"]), snapshots["log10_views"].to_numpy()
    expected = Expected.nothing(len(series))
    since = levels.since[levels.places(series)]

    def judge(at: Integers, since: Integers) -> Expected:
        found = history.expected(_on_its_side(asked.at(at), published[at], since))
        for whole, part in zip(expected, found, strict=True):
            whole[at] = part
        return found

    def score(at: Integers, since: Integers) -> Floats:
        found = judge(at, since)
        z = (x[at] - (found.location + asked.share[at])) / found.scale
        scores = -special.ndtri(upper_tail(z, found.df))
        return np.where(found.n >= ENOUGH, scores, np.nan)

    firsts = np.flatnonzero(first)
    shifts = levels.watch(firsts, series[firsts], published[firsts], score)
    since = _in_force(since, shifts, series)
    rest = np.flatnonzero(~first)
    judge(rest, since[rest])
    return shifts, _on_its_side(asked, published, since), expected


def _on_its_side(asked: Asked, published: Integers, since: Integers) -> Asked:
    newer = published >= since
    return asked._replace(
        since=np.where(newer, since, NEVER), until=np.where(newer, FOREVER, since)
    )


def _in_force(since: Integers, shifts: Shifts, series: Integers) -> Integers:
    """For each snapshot the shift that the last alarm before it told of."""
    if not len(shifts.snapshot):
        return since
    count = len(series)
    keys = series[shifts.snapshot] * count + shifts.snapshot
    order = np.argsort(keys)
    last = np.searchsorted(keys[order], series * count + np.arange(count), "left") - 1
    alarm = order[np.maximum(last, 0)]
    told = (last >= 0) & (series[shifts.snapshot[alarm]] == series)
    return np.where(told, shifts.since[alarm], since)
