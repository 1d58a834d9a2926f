"""What viewers do: a stream of engagement events as a broker would receive it.

Time is cut into slices. In each, every video has a rate: its popularity, times a power-law decay
with its age, times the hour of the day, times a burst where it goes viral. Events arrive shortly
after they happened; a few arrive late, so the stream is out of order, and a few twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from infra.simulator.identity import event_ids
from infra.simulator.scenario import HOUR, MICROS, Generator, Scenario
from infra.simulator.world import World
from schemas.avro_types import TIMESTAMP

REPEATED = 0.01  # share of the events: a producer's retry, the same event_id again
REPEAT_DELAY = 20 * MICROS  # mean
LATE = 0.02  # share of the events that a phone without network kept for a while
LATE_DELAY = HOUR / 4  # mean
DELAY = 2 * MICROS  # mean of all the others
DECAY_HOURS = 3.0  # scale of the decay with age
DECAY_POWER = 1.1
BURST = 12.0  # times the usual rate, at the height of a burst
BURST_HOURS = 2.0  # standard deviation of a burst
QUIET = 0.35  # rate at the quietest hour; the busiest has 1
QUIET_HOUR = 4.0  # UTC
SLICE_EVENTS = 100_000  # at most, so that memory does not grow with the events

_SHARES = {
    "view": 0.62,
    "impression": 0.225,
    "like": 0.09,
    "comment": 0.02,
    "save": 0.02,
    "share": 0.015,
    "dislike": 0.006,
    "unlike": 0.004,
}
_COUNTRIES = ["US", "IN", "BR", "DE", "JP", "MX", "GB", "FR"]
_DEVICES = ["phone", "desktop", "tablet", "tv"]
_SOURCES = ["browse", "suggested", "search", "external"]


@dataclass(frozen=True)
class Viewers:
    """Everybody who watches, and what stays the same about them."""

    ids: pl.Series
    country: np.ndarray
    device: np.ndarray


def engagement(scenario: Scenario, world: World) -> Iterator[pl.DataFrame]:
    """Engagement events in the order of their arrival, `scenario.events` in all.

    Yields:
        Frames with the fields of Engagement.
    """
    generator = scenario.generator("engagement")
    viewers = _viewers(generator, scenario)
    edges = _edges(scenario)
    rates = _rates(scenario, world, edges, generator)
    repeated = round(scenario.events * REPEATED)
    per_slice = _spread(scenario.events - repeated, rates.sum(axis=0))
    repeats = _spread(repeated, per_slice)
    waiting: pl.DataFrame | None = None
    for at, count in enumerate(per_slice.tolist()):
        span = (int(edges[at]), int(edges[at + 1]))
        made = _slice(generator, world, viewers, rates[:, at], span, count, int(repeats[at]))
        stream = made if waiting is None else pl.concat([waiting, made])
        arrived = pl.col("_arrival") < span[1]
        last = at == len(per_slice) - 1
        yield from _in_order(stream if last else stream.filter(arrived))
        waiting = None if last else stream.filter(~arrived)


def _in_order(stream: pl.DataFrame) -> Iterator[pl.DataFrame]:
    if stream.height:
        yield stream.sort("_arrival", maintain_order=True).drop("_arrival")


def _edges(scenario: Scenario) -> np.ndarray:
    slices = max(scenario.hours, -(-scenario.events * 2 // SLICE_EVENTS))
    return np.linspace(scenario.start_us, scenario.end_us, slices + 1).astype(np.int64)


def _rates(scenario: Scenario, world: World, edges: np.ndarray, generator: Generator) -> np.ndarray:
    """Relative rate of each video (row) in each slice (column)."""
    middle = (edges[1:] + edges[:-1]) / 2
    published = world.videos["published_at"].dt.epoch("us").to_numpy()
    age = (middle[None, :] - published[:, None]) / HOUR
    decay = np.where(age > 0, (1 + np.maximum(age, 0) / DECAY_HOURS) ** -DECAY_POWER, 0)
    clock = (middle / HOUR - QUIET_HOUR) % 24 / 24 * 2 * np.pi
    rhythm = QUIET + (1 - QUIET) * (1 - np.cos(clock)) / 2
    viral = world.videos["multiple"].is_not_null().to_numpy()
    height = generator.uniform(0.6, 0.95, len(published))
    peak = (scenario.start_us + height * (scenario.end_us - scenario.start_us))[:, None]
    burst = np.exp(-0.5 * ((middle[None, :] - peak) / (BURST_HOURS * HOUR)) ** 2)
    popularity = np.sqrt(world.videos["eventual"].to_numpy())
    rates = popularity[:, None] * decay * (1 + BURST * viral[:, None] * burst) * rhythm
    # Before its first video a platform is silent; a rate of nothing could not be drawn from.
    return np.asarray(np.maximum(rates, 1e-12 * popularity[:, None] * (age > 0)))


def _spread(total: int, weights: np.ndarray) -> np.ndarray:
    """`total` as whole numbers in proportion to the weights."""
    if not weights.sum():
        weights = np.ones(len(weights))
    bounds = np.round(np.cumsum(weights) / weights.sum() * total).astype(np.int64)
    return np.diff(bounds, prepend=0)


def _viewers(generator: Generator, scenario: Scenario) -> Viewers:
    count = int(np.clip(scenario.events // 8, 50, 1_000_000))
    return Viewers(
        pl.Series("viewer_id", [f"u{n:x}" for n in generator.permutation(count * 16)[:count]]),
        generator.choice(len(_COUNTRIES), count, p=_falling(len(_COUNTRIES))),
        generator.choice(len(_DEVICES), count, p=_falling(len(_DEVICES))),
    )


def _falling(count: int) -> np.ndarray:
    shares = 1 / np.arange(1, count + 1)
    return np.asarray(shares / shares.sum())


def _slice(
    generator: Generator,
    world: World,
    viewers: Viewers,
    rates: np.ndarray,
    span: tuple[int, int],
    count: int,
    repeats: int,
) -> pl.DataFrame:
    """Events that happen within a span, with `_arrival` in microseconds since 1970."""
    video = np.searchsorted(np.cumsum(rates), generator.random(count) * rates.sum(), "right")
    video = np.minimum(video, len(rates) - 1)
    viewer = (len(viewers.ids) * generator.random(count) ** 2).astype(np.int64)  # a faithful few
    kinds = list(_SHARES)
    kind = generator.choice(len(kinds), count, p=list(_SHARES.values()))
    time = generator.integers(span[0], span[1], count)
    time = np.maximum(time, world.videos["published_at"].dt.epoch("us").to_numpy()[video])
    _take_likes_back(generator, kind, kinds, video, viewer, time, span[1])
    length = world.videos["duration_s"].to_numpy()[video]
    watched = (length * 1000 * generator.beta(1.2, 1.8, count)).astype(np.int32)
    late = generator.random(count) < LATE
    delay = generator.exponential(1.0, count) * np.where(late, LATE_DELAY, DELAY)
    source = generator.choice(len(_SOURCES), count, p=_falling(len(_SOURCES)))
    of_video = world.videos.select("video_id", "channel_id")[video]
    viewer_ids = viewers.ids[viewer]
    events = pl.DataFrame(
        [
            event_ids(generator, count),
            pl.Series("occurred_at", time).cast(TIMESTAMP),
            of_video["video_id"],
            of_video["channel_id"],
            viewer_ids,
            (viewer_ids + f"-{span[0] // HOUR:x}").alias("session_id"),
            _picked("kind", kinds, kind),
            pl.Series("watch_ms", watched).set(pl.Series(kind != kinds.index("view")), None),
            _picked("country", _COUNTRIES, viewers.country[viewer]),
            _picked("device", _DEVICES, viewers.device[viewer]),
            _picked("source", _SOURCES, source),
            pl.Series("_arrival", time + delay.astype(np.int64)),
        ]
    )
    if not repeats or not count:
        return events
    again = events[generator.integers(0, count, repeats)]
    pause = (generator.exponential(1.0, repeats) * REPEAT_DELAY).astype(np.int64) + 1
    return pl.concat([events, again.with_columns(pl.col("_arrival") + pl.Series(pause))])


def _take_likes_back(
    generator: Generator,
    kind: np.ndarray,
    kinds: list[str],
    video: np.ndarray,
    viewer: np.ndarray,
    time: np.ndarray,
    end: int,
) -> None:
    """Make each unlike follow a like of the same viewer and video; without likes it is a view."""
    unlikes = np.nonzero(kind == kinds.index("unlike"))[0]
    likes = np.nonzero(kind == kinds.index("like"))[0]
    pairs = min(len(unlikes), len(likes))
    kind[unlikes[pairs:]] = kinds.index("view")
    unlikes, taken = unlikes[:pairs], generator.permutation(likes)[:pairs]
    video[unlikes], viewer[unlikes] = video[taken], viewer[taken]
    time[unlikes] = time[taken] + (generator.random(pairs) * (end - time[taken])).astype(np.int64)


def _picked(name: str, texts: list[str], index: np.ndarray) -> pl.Series:
    return pl.Series(name, texts)[index]
