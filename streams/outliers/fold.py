"""Snapshots of videos folded into what is usual per channel, and into what stands out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl

from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_BASELINES, OUTLIER_DETECTIONS, OUTLIER_SHIFTS
from streams.columnar.fold import ROW, Folded
from streams.outliers.ages import LOWER_ENDS_H, age_from_h
from streams.outliers.detection.arrays import FOREVER, NEVER, Booleans, Integers
from streams.outliers.detection.channels import (
    FORMATS,
    LISTS,
    Contributions,
    codes_of,
    exploded,
    imploded,
    named,
    series_of,
)
from streams.outliers.detection.events import detection_ids, detections, shifted
from streams.outliers.detection.history import FEWEST, Asked, History, bounds_of, ends_of
from streams.outliers.detection.memory import DAYS, Memory, counting
from streams.outliers.detection.shifts import Levels
from streams.outliers.detection.summary import with_baselines
from streams.outliers.detection.verdicts import Rule
from streams.outliers.detection.watch import watched
from streams.outliers.formats import format_of
from streams.outliers.model.growth import Growth

_NOT_STATE = ("applied_offset", "generation", "baselines")  # of the runtime, and made at flush
_CONTRIBUTED = ("_series", "video_id", "published_at", "category", "age_s", "log10_views", "gone")


class OutlierFold:
    """[`Fold`][streams.columnar.fold.Fold] of `youtube.video-snapshots.v1`, by channel_id.

    Emits `outlier.detections.v1` and `outlier.shifts.v1`. docs/outliers.md has the definition.
    State and events are a function of the log and of the growth curves; a detection says which.

    Args:
        rule: what makes an outlier.
        growth: answers with the curves and priors in force, once for each call.
    """

    state = pl.Schema(
        {
            name: dtype
            for name, dtype in frame_schema(OUTLIER_BASELINES.schema).items()
            if name not in _NOT_STATE
        }
    )
    columns = (
        *("occurred_at", "video_id", "title", "published_at", "duration_s", "category", "views"),
    )

    def __init__(self, rule: Rule, growth: Callable[[], Growth] = Growth.default) -> None:
        self._rule = rule
        self._growth = growth

    def __call__(self, rows: pl.DataFrame, events: pl.DataFrame) -> Folded:
        """Fold snapshots in; emits the detections and shifts that follow, possibly none."""
        growth = self._growth()
        rows = rows.select(self.state.names()).with_columns(
            pl.col("snapshots", "tests_gone").fill_null(0),
            *(pl.col(name).fill_null(pl.lit([], dtype)) for name, dtype in LISTS.items()),
        )
        snapshots = _described(events, rows)
        stands = snapshots.group_by("_channel").agg(
            pl.col("as_of").max(), pl.len().cast(pl.Int64).alias("_more")
        )
        after = pl.DataFrame({"_channel": pl.int_range(len(rows), eager=True)}).join(
            stands, on="_channel", how="left", maintain_order="left"
        )
        rows = rows.with_columns(after["as_of"], pl.col("snapshots") + after["_more"].fill_null(0))
        return self._judged(rows, counting(snapshots), growth)

    def render(self, rows: pl.DataFrame) -> pl.DataFrame:
        """State rows with `baselines`."""
        return with_baselines(rows, self._growth())

    def _judged(self, rows: pl.DataFrame, snapshots: pl.DataFrame, growth: Growth) -> Folded:
        known, recent = exploded(rows, "videos"), exploded(rows, "recent")
        recent = recent.with_columns(
            series_of(pl.col("_channel"), pl.col("format")).alias("_series")
        )
        known_codes, recent_codes, codes = codes_of(
            [known["_channel"], recent["_channel"], snapshots["_channel"]],
            [known["video_id"], recent["video_id"], snapshots["video_id"]],
        )
        memory = Memory(known, known_codes, snapshots, codes)
        added = _added(snapshots, memory)
        contributions = _contributions(recent, recent_codes, snapshots, codes, added)
        history = History(contributions, len(rows), growth)
        series = snapshots["_series"].to_numpy()
        stood = np.diff(bounds_of(recent["_series"].to_numpy(), len(rows)))
        asked = _asked(snapshots, codes, stood, added, history, growth)
        levels = Levels(exploded(rows, "levels"), np.unique(series))
        shifts, asked, expected = watched(levels, snapshots, series, asked, memory.first, history)
        away = snapshots["log10_views"].to_numpy() - (expected.location + asked.share)
        recently = snapshots["age_from_h"].to_numpy() == LOWER_ENDS_H[0]
        turns = memory.turns(self._rule.signals(expected, away, recently))
        ids = detection_ids(snapshots, turns)
        tests = memory.tests(expected.n >= FEWEST, turns.before)
        days, gone = _days(exploded(rows, "days"), tests, rows["as_of"])
        return Folded(
            rows=rows.with_columns(
                _kept(contributions, history).pipe(imploded, "recent", len(rows)),
                memory.remembered(ids, snapshots["views"].to_numpy(), rows["as_of"]),
                levels.entries(len(rows)),
                days,
                pl.col("tests_gone") + gone,
            ).select(self.state.names()),
            emitted={
                OUTLIER_DETECTIONS: detections(
                    snapshots, turns, ids, asked, expected, history, memory, growth.version
                ),
                OUTLIER_SHIFTS: shifted(snapshots, shifts, asked, series, history),
            },
        )


def _described(events: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Snapshots in log order, with what follows from them alone, and the running as_of."""
    stood = rows["as_of"].gather(events[ROW])
    age = pl.col("occurred_at") - pl.col("published_at")
    return (
        events.with_columns(
            pl.col(ROW).cast(pl.Int64).alias("_channel"),
            format_of(pl.col("duration_s")).alias("format"),
            age_from_h(age).alias("age_from_h"),
            age.dt.total_seconds().alias("age_s"),
            (pl.col("views").cast(pl.Float64) + 1).log10().alias("log10_views"),
            pl.max_horizontal(
                stood.alias("_stood"), pl.col("occurred_at").cum_max().over(ROW)
            ).alias("as_of"),
        )
    ).with_columns(series_of(pl.col("_channel"), pl.col("format")).alias("_series"))


class _Added(NamedTuple):
    """What snapshots add to series, by series and in the order of the log.

    Attributes:
        series: int64, which.
        at: int64, the snapshot that it comes with.
        gone: bool, whether it says that the video has left the series.
    """

    series: Integers
    at: Integers
    gone: Booleans


def _added(snapshots: pl.DataFrame, memory: Memory) -> _Added:
    adds, leaves = np.flatnonzero(memory.contributes), np.flatnonzero(memory.leaves >= 0)
    series = np.concatenate([snapshots["_series"].to_numpy()[adds], memory.leaves[leaves]])
    at = np.concatenate([adds, leaves])
    order = np.lexsort((at, series))
    return _Added(series[order], at[order], (np.arange(len(at)) >= len(adds))[order])


def _contributions(
    recent: pl.DataFrame,
    recent_codes: Integers,
    snapshots: pl.DataFrame,
    codes: Integers,
    added: _Added,
) -> Contributions:
    """Those of the state and those of the snapshots, by series and in the order of the log."""
    new = snapshots[added.at].with_columns(
        pl.Series("_series", added.series), pl.Series("gone", added.gone)
    )
    both = pl.concat([recent.select(_CONTRIBUTED), new.select(_CONTRIBUTED)])
    order = np.argsort(both["_series"].to_numpy(), kind="stable")
    return Contributions(both[order], np.concatenate([recent_codes, codes[added.at]])[order])


def _asked(
    snapshots: pl.DataFrame,
    codes: Integers,
    stood: Integers,
    added: _Added,
    history: History,
    growth: Growth,
) -> Asked:
    """What each snapshot is to be set against, shifts apart.

    Args:
        stood: how many contributions each series had before.
    """
    series = snapshots["_series"].to_numpy()
    start, _ = history.bounds(series)
    group = growth.codes(snapshots["format"], snapshots["category"])
    return Asked(
        start,
        ends_of(series, start + stood[series], added.series, added.at),
        codes,
        group,
        growth.log_share(group, snapshots["age_s"].to_numpy() / 3600),
        np.full(len(series), NEVER),
        np.full(len(series), FOREVER),
    )


def _kept(contributions: Contributions, history: History) -> pl.DataFrame:
    kept = contributions.frame[history.kept()]
    return kept.with_columns(
        (pl.col("_series") // len(FORMATS)).alias("_channel"),
        named(kept["_series"].to_numpy() % len(FORMATS)),
    )


def _days(known: pl.DataFrame, new: pl.DataFrame, as_of: pl.Series) -> tuple[pl.Series, pl.Series]:
    """`days` of every channel, and the tests (Int64) of those that leave it."""
    together = (
        pl.concat([known, new.select(known.columns)])
        .group_by("_channel", "day")
        .agg(pl.col("tests").sum())
        .sort("_channel", "day")
    )
    oldest = as_of.gather(together["_channel"]).dt.truncate("1d") - dt.timedelta(days=DAYS - 1)
    stays = together["day"] >= oldest
    left = together.filter(~stays)
    gone = np.zeros(len(as_of), dtype=np.int64)
    np.add.at(gone, left["_channel"].to_numpy(), left["tests"].to_numpy())
    return imploded(together.filter(stays), "days", len(as_of)), pl.Series("tests_gone", gone)
