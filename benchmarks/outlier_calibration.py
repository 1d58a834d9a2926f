"""Whether the detector's probabilities hold: simulated channels with known outliers among them.

The simulator varies its videos as much as real channels do. What was not planted is usual, whatever
it looks like, so each such video that is found is a false discovery.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from infra.simulator.scenario import Scenario
from infra.simulator.snapshots import video_snapshots
from infra.simulator.world import World, make_world
from schemas.catalogue import OUTLIER_DETECTIONS
from streams.columnar.fold import numbered
from streams.outliers.detection.arrays import Booleans, Floats, Integers
from streams.outliers.detection.history import FEWEST, Expected
from streams.outliers.detection.verdicts import Rule
from streams.outliers.fold import OutlierFold
from streams.outliers.model.growth import Growth
from streams.outliers.model.learning import learn
from streams.outliers.model.observations import observations
from streams.outliers.model.posterior import upper_tail

NOISE = 0.48  # standard deviation of log10 views within real channels
PROBABILITY = 0.01
RATE = 0.1  # of false discoveries among those of a day, by Benjamini and Hochberg


def scenario(seed: int, videos: int = 6000, channels: int = 200) -> Scenario:
    """Channels with 30 videos each, one in sixty of them planted."""
    return Scenario(events=0, videos=videos, channels=channels, seed=seed, noise=NOISE)


def learned(seed: int) -> Growth:
    """Curves and priors of a platform like the one that is judged: of another seed."""
    wanted = scenario(seed)
    return learn(observations(video_snapshots(wanted, make_world(wanted))))


def calibration(wanted: Scenario, growth: Growth) -> dict[str, Any]:
    """How often usual videos are told to be outliers.

    Returns:
        judgements, videos (that are usual, of them), planted; the shares of judgements of usual
        videos with a probability of at most 0.01, 0.05 and 0.1; the share of usual videos that had
        one of at most 0.01 at any of their snapshots; and of discoveries at a rate of `RATE` by
        day: found, false, share false.
    """
    world = make_world(wanted)
    rule = _Recorded(multiple=3.0, probability=PROBABILITY)
    detections, tests = _by_day(rule, growth, video_snapshots(wanted, world))
    usual = ~pl.col("video_id").is_in(world.planted["video_id"].implode())
    judged = rule.judged.filter(usual)
    ever = judged.group_by("video_id").agg((pl.col("tail") <= PROBABILITY).any())
    kept = discoveries(detections, tests, RATE)["video_id"].unique()
    false = int(kept.to_frame().filter(usual).height)
    return {
        "judgements": judged.height,
        "videos": ever.height,
        "planted": world.planted.height,
        **{f"share at {p}": float((judged["tail"] <= p).mean()) for p in (0.01, 0.05, 0.1)},  # type: ignore[arg-type]
        "videos at 0.01 ever": float(ever["tail"].mean()),  # type: ignore[arg-type]
        "discoveries": len(kept),
        "false": false,
        "share false": false / max(len(kept), 1),
        "planted detected": _planted_found(detections, world),
    }


def discoveries(detections: pl.DataFrame, tests: pl.DataFrame, rate: float) -> pl.DataFrame:
    """The detections of each day that Benjamini and Hochberg's procedure keeps.

    Args:
        detections: day, video_id, tail_probability.
        tests: day, tests: hypotheses of the day.
        rate: of false discoveries.
    """
    ranked = (
        detections.join(tests, on="day")
        .sort("day", "tail_probability")
        .with_columns(rank=pl.int_range(1, pl.len() + 1).over("day"))
    )
    raised = pl.col("tail_probability") * pl.col("tests") / pl.col("rank")
    q = raised.reverse().cum_min().reverse().over("day")
    return ranked.filter(q <= rate)


@dataclass(frozen=True)
class _Recorded(Rule):
    """A rule that remembers what it judged; whoever folds says which videos that were."""

    videos: list[pl.Series] = field(default_factory=list)
    tails: list[Floats] = field(default_factory=list)

    def signals(self, expected: Expected, away: Floats, recent: Booleans) -> Integers:
        self.tails.append(
            np.where(expected.n >= FEWEST, upper_tail(away / expected.scale, expected.df), np.nan)
        )
        return super().signals(expected, away, recent)

    @property
    def judged(self) -> pl.DataFrame:
        """video_id and tail of every judgement."""
        tails = np.concatenate(self.tails)
        found = pl.DataFrame({"video_id": pl.concat(self.videos), "tail": tails})
        return found.filter(pl.col("tail").is_not_nan())


def _by_day(
    rule: _Recorded, growth: Growth, snapshots: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Detections without retractions, and the tests of each day: as the tables have them."""
    fold = OutlierFold(rule, lambda: growth)
    state = pl.DataFrame(schema=fold.state)
    found, days = [], []
    for chunk in _days(snapshots):
        rule.videos.append(chunk["video_id"])  # all of them count
        keys, events = numbered(chunk, "channel_id")
        rows = keys.to_frame().join(state, on="channel_id", how="left", maintain_order="left")
        folded = fold(rows, events)
        state = pl.concat([state.join(rows, on="channel_id", how="anti"), folded.rows])
        found.append(folded.emitted[OUTLIER_DETECTIONS])
        days.append(folded.rows.select("channel_id", "days").explode("days").unnest("days"))
    tests = (
        pl.concat(days)
        .group_by("channel_id", "day")
        .agg(pl.col("tests").max())  # it only grows
        .group_by("day")
        .agg(pl.col("tests").sum())
    )
    outliers = pl.concat(found).filter(pl.col("verdict") == "outlier")
    return outliers.with_columns(pl.col("occurred_at").dt.truncate("1d").alias("day")), tests


def _days(snapshots: pl.DataFrame) -> Iterator[pl.DataFrame]:
    logged = snapshots.with_columns(
        pl.lit(0, pl.Int32).alias("_partition"),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("_offset"),
        pl.col("occurred_at").alias("_timestamp"),
    )
    for _, chunk in logged.group_by(pl.col("occurred_at").dt.date(), maintain_order=True):
        yield chunk


def _planted_found(detections: pl.DataFrame, world: World) -> int:
    sure = detections.filter(~pl.col("too_recent") & ~pl.col("insufficient_history"))
    return len(set(sure["video_id"]) & set(world.planted["video_id"]))
