"""The poller's schedule against taking turns, on the same simulated channels with the same units.

A virtual clock, and a world that the schedule knows nothing of: heavy-tailed rates of uploads at
habitual hours, videos of very different size and pace, second waves, numbers of videos that come
late. Two peers take turns: `round_robin` asks for each channel's uploads, its counts and its
videos; `round_robin_told` also heeds the number of videos, and asks for uploads only where it rose.
Both fill their batches across channels, and look at once at what they have found.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.machine import machine
from streams.outliers.watching.schedule import BATCH, Look, plan
from streams.outliers.watching.watch import HOUR, MOST_FOLLOWED, Watch
from streams.outliers.youtube.shapes import Channel, Video

DAY = 24 * HOUR
START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC).timestamp()
PAUSE_S = 15 * 60.0
TICK_S = 5 * 60.0
PAST_D = 90  # of uploads before the start

Next = Callable[[Watch, float, int], Sequence[Look]]


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A video of the simulation; views at any time follow from it."""

    video_id: str
    channel_id: str
    published: float
    size: float
    scale_h: float
    shape: float
    wave_h: float  # age at which a second wave begins; infinite: none
    wave: float  # views of it, as a share of the first

    def views(self, now: float) -> int:
        """Views by then."""
        age = max(0.0, now - self.published) / HOUR
        grown = 1 - math.exp(-((age / self.scale_h) ** self.shape))
        again = 1 - math.exp(-max(0.0, age - self.wave_h) / 24) if age > self.wave_h else 0.0
        return int(self.size * (grown + self.wave * again))


@dataclass
class World:
    """Channels and the uploads of some days, the newest last."""

    uploads: dict[str, list[MadeUp]]
    told_at: dict[str, float] = field(default_factory=dict)  # when the number of videos has it

    @classmethod
    def made(cls, seed: int, channels: int, days: float) -> World:
        """The same for the same seed."""
        random = np.random.default_rng(seed)
        uploads: dict[str, list[MadeUp]] = {}
        told: dict[str, float] = {}
        for number in range(channels):
            channel_id = f"UC{number:05d}"
            per_day = min(12.0, float(random.lognormal(math.log(0.3), 1.2)))
            hour = float(random.uniform(0, 24))
            count = random.poisson(per_day * (PAST_D + days))
            whole_days = random.integers(-PAST_D, math.ceil(days), count)
            habitual = random.random(count) < 0.6
            hours = np.where(
                habitual, random.normal(hour, 1.5, count), random.uniform(0, 24, count)
            )
            times = np.sort(START + whole_days * DAY + hours * HOUR)
            level = float(random.lognormal(math.log(20_000), 1.6))
            uploads[channel_id] = []
            for at, published in enumerate(times.tolist()):
                waves = random.random() < 0.08
                video = MadeUp(
                    f"{channel_id}v{at}",
                    channel_id,
                    published,
                    level * float(random.lognormal(0, 1.1)),
                    float(random.lognormal(math.log(90), 0.9)),
                    float(random.uniform(0.5, 0.9)),
                    float(random.uniform(24, 1000)) if waves else math.inf,
                    float(random.uniform(0.5, 5)) if waves else 0.0,
                )
                uploads[channel_id].append(video)
                late = random.random() < 0.15
                told[video.video_id] = published + (random.uniform(0, 6 * HOUR) if late else 0)
        return cls(uploads, told)

    def channel(self, channel_id: str, now: float) -> Channel:
        """A channel as the API would tell it then."""
        count = sum(self.told_at[v.video_id] <= now for v in self.uploads[channel_id])
        since = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        return Channel(
            channel_id, channel_id, "", None, None, since, 1000, None, count, (), "UU", ""
        )

    def newest(self, channel_id: str, now: float) -> tuple[list[str], bool]:
        """Ids, newest first, and whether there are older ones."""
        there = [
            video.video_id
            for video in reversed(self.uploads[channel_id])
            if now - PAST_D * DAY <= video.published <= now
        ]
        return there[:MOST_FOLLOWED], len(there) > MOST_FOLLOWED

    def video(self, made: MadeUp, now: float) -> Video:
        """A video as the API would tell it then."""
        at = dt.datetime.fromtimestamp(made.published, dt.UTC)
        views = made.views(now)
        return Video(
            made.video_id, made.channel_id, "", "", (), at, 60, None, views, None, None, "none", ""
        )


@dataclass
class Seen:
    """What a way of asking has seen, and what it cost."""

    units: int = 0
    first: dict[str, float] = field(default_factory=dict)
    captured: float = 0.0
    fresh: float = 0.0
    unseen: list[float] = field(default_factory=list)


def run_through(world: World, next_looks: Next, *, days: float, per_day: float) -> Seen:
    """Let a way of asking spend its units evenly over some days.

    Every video of the past is known and was looked at as the clock begins, for all ways alike.
    """
    made = {video.video_id: video for videos in world.uploads.values() for video in videos}
    watch, seen = Watch(), Seen()
    watch.only({channel_id: (channel_id, START) for channel_id in world.uploads})
    for channel_id in world.uploads:
        watch.saw_channels([channel_id], [world.channel(channel_id, START)], START)
        ids, cut = world.newest(channel_id, START)
        watch.saw_uploads(channel_id, ids, START, cut=cut)
        watch.saw_videos(ids, [world.video(made[one], START) for one in ids], START)
    ticks = int(days * DAY / TICK_S)
    for tick in range(1, ticks + 1):
        now = START + tick * TICK_S
        units = int(per_day * days * tick / ticks) - seen.units
        while units > 0:
            looks = next_looks(watch, now, units)
            for look in looks:
                _look(world, made, watch, seen, look, now)
            units -= len(looks)
            if not looks:
                break
        if tick % int(HOUR / TICK_S) == 0:
            seen.unseen.append(_unseen(made, watch, now))
    return seen


def _look(
    world: World, made: dict[str, MadeUp], watch: Watch, seen: Seen, look: Look, now: float
) -> None:
    seen.units += 1
    if look.kind == "channels":
        watch.saw_channels(look.ids, [world.channel(one, now) for one in look.ids], now)
    elif look.kind == "uploads":
        [channel_id] = look.ids
        ids, cut = world.newest(channel_id, now)
        watch.saw_uploads(channel_id, ids[:BATCH], now, cut=cut)
    else:
        for one in look.ids:
            state, video = watch.videos[one], made[one]
            if state.looked_at is None:
                seen.first[one] = now
            else:
                views, last = video.views(now), video.views(state.looked_at)
                hour_ago = video.views(max(now - HOUR, state.looked_at))
                seen.captured += math.log10((views + 1) / (last + 1))
                seen.fresh += math.log10((views + 1) / (hour_ago + 1))
        watch.saw_videos(look.ids, [world.video(made[one], now) for one in look.ids], now)


def _unseen(made: dict[str, MadeUp], watch: Watch, now: float) -> float:
    """Mean growth (log10) of the videos there are that nobody has looked at yet."""
    grown = []
    for video in made.values():
        if not 0 <= now - video.published < PAST_D * DAY:
            continue
        state = watch.videos.get(video.video_id)
        if state is None and video.published <= START:  # one of very many: nobody follows it
            continue
        looked = None if state is None else state.looked_at
        last = 0 if looked is None else video.views(looked)
        grown.append(math.log10((video.views(now) + 1) / (last + 1)))
    return sum(grown) / len(grown)


def scheduled(watch: Watch, now: float, units: int) -> Sequence[Look]:
    """Ours."""
    return plan(watch, now, units, PAUSE_S).looks


def turns(*, told: bool) -> Next:
    """Everything in turn; with `told`, uploads only where the number of videos rose.

    What was found is looked at as soon as there is a batch of it, or it has waited half an hour.
    """

    def rounds(watch: Watch) -> Iterator[Look]:
        while True:
            names = sorted(watch.channels)
            for some in _cut(names):
                yield Look("channels", some, 0.0)
            for name in names:
                if not told or watch.channels[name].told:
                    yield Look("uploads", (name,), 0.0)
            for some in _cut([one for one, state in watch.videos.items() if state.looked_at]):
                yield Look("videos", some, 0.0)

    begun: list[Iterator[Look]] = []

    def next_looks(watch: Watch, now: float, units: int) -> Sequence[Look]:
        if not begun:
            begun.append(rounds(watch))
        new = [state for state in watch.videos.values() if state.looked_at is None]
        if len(new) >= BATCH or any(now - state.found_at >= HOUR / 2 for state in new):
            return [Look("videos", tuple(state.video_id for state in new[:BATCH]), 0.0)]
        # One at a time: what is asked next may follow from this answer.
        return [next(begun[0])]

    return next_looks


def _cut(ids: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(ids[at : at + BATCH]) for at in range(0, len(ids), BATCH)]


def figures(world: World, seen: Seen, days: float) -> dict[str, float]:
    """What a way of asking achieved.

    Returns:
        in_time: share of new uploads whose first look came within an hour; hours: median until the
        first look, of those that had one; captured: log10 growth between looks, per unit; fresh:
        of it what had happened within the hour before the look; unseen: mean log10 growth per
        video that nobody had looked at, over all hours.
    """
    last = START + days * DAY - HOUR
    new = [
        video
        for videos in world.uploads.values()
        for video in videos
        if START < video.published <= last
    ]
    delays = [seen.first.get(video.video_id, math.inf) - video.published for video in new]
    return {
        "in_time": sum(delay <= HOUR for delay in delays) / len(delays),
        "hours": float(np.median(delays)) / HOUR,
        "captured": seen.captured / seen.units,
        "fresh": seen.fresh / seen.units,
        "unseen": float(np.mean(seen.unseen)),
        "units": float(seen.units),
    }


def compared(
    *, seed: int = 1, channels: int = 1_000, days: float = 1.0, per_day: float = 6_000
) -> dict[str, dict[str, float]]:
    """The figures of the schedule and of its peers, by name."""
    world = World.made(seed, channels, days)
    ways: dict[str, Next] = {
        "ours": scheduled,
        "round_robin": turns(told=False),
        "round_robin_told": turns(told=True),
    }
    return {
        name: figures(world, run_through(world, way, days=days, per_day=per_day), days)
        for name, way in ways.items()
    }


def run(seeds: int = 1, **options: Any) -> dict[str, Any]:
    """The benchmark: medians over seeds; `ours` is the share of uploads seen within an hour."""
    runs = [compared(seed=seed, **options) for seed in range(1, seeds + 1)]
    middle = {
        name: {what: float(np.median([one[name][what] for one in runs])) for what in runs[0][name]}
        for name in runs[0]
    }
    ours = middle.pop("ours")
    return {
        "name": "watching",
        "ours": ours["in_time"],
        "unit": "share of new uploads seen within an hour",
        "peers": {name: found["in_time"] for name, found in middle.items()},
        "ratios": {name: _ratio(ours, found, "in_time") for name, found in middle.items()},
        "ratios_of": {
            what: {name: _ratio(ours, found, what) for name, found in middle.items()}
            for what in ours
        },
        "runs": runs,
        "machine": machine(),
    }


def _ratio(ours: dict[str, float], peer: dict[str, float], what: str) -> float | None:
    """None where the peer has nothing."""
    return ours[what] / peer[what] if peer[what] else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--channels", type=int, default=1_000)
    parser.add_argument("--days", type=float, default=1.0)
    parser.add_argument("--per-day", type=float, default=6_000)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    for seed in range(1, options.seeds + 1):
        found = compared(
            seed=seed, channels=options.channels, days=options.days, per_day=options.per_day
        )
        print(json.dumps(found, indent=1))
