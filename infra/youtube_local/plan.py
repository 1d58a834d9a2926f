"""What every simulated channel is like: a row of numbers each, from which all else follows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from infra.simulator.scenario import DEFAULT_START, HOUR
from infra.youtube_local.draws import Draws
from infra.youtube_local.texts import FLAVOURS, SCRIPTS

EPOCH = DEFAULT_START  # when a channel has the number of uploads that was drawn for it
DAY = 24 * HOUR  # microseconds

SMALL = 0.12  # share of the channels with fewer than 50 videos
EMPTY = 0.03  # that never published
HIDDEN = 0.03  # that hide how many subscribe
DORMANT = 0.04  # that have stopped
STREAMING = 0.02  # that announce some videos as live broadcasts
SHIFTED = 0.05  # whose usual views change for good at one upload
FOREIGN = 0.08  # that do not write in the Latin script
SHORTS = (0.0, 0.5, 1.0)  # share of a channel's uploads that are Shorts
SHORTS_SHARES = (0.6, 0.3, 0.1)  # of the channels, for each of them
HUGE_EVERY = 400  # one channel in so many has thousands of uploads
LONGEST_PAST = 10 * 365 * DAY


@dataclass(frozen=True)
class Plan:
    """Columns, one value a channel.

    Attributes:
        flavour: Int64, position in `FLAVOURS`. script: Int64, position in `SCRIPTS`, or -1.
        start: Int64, microseconds since 1970 of the first upload's slot; interval: of each slot.
        last: Int64, uploads after which it stopped (2**40 where it goes on).
        subscribers: Float64, at `EPOCH`; gain: share of them added a day.
        usual: Float64, views of a long video in the long run; short_factor: of a Short, relative.
        spread: Float64, standard deviation of log10 views.
        shift_at: Int64, upload from which usual views are multiplied by `shift`; -1 never.
        hidden, streaming, empty: Boolean. short_share: Float64.
    """

    flavour: np.ndarray
    script: np.ndarray
    start: np.ndarray
    interval: np.ndarray
    last: np.ndarray
    subscribers: np.ndarray
    gain: np.ndarray
    usual: np.ndarray
    short_factor: np.ndarray
    spread: np.ndarray
    shift_at: np.ndarray
    shift: np.ndarray
    hidden: np.ndarray
    streaming: np.ndarray
    empty: np.ndarray
    short_share: np.ndarray

    def __len__(self) -> int:
        return len(self.flavour)


def make_plan(draws: Draws, channels: int) -> Plan:
    """The plan of a world."""
    index = np.arange(channels, dtype=np.int64)

    def uniform(purpose: str) -> np.ndarray:
        return draws.uniform(purpose, index)

    def normal(purpose: str) -> np.ndarray:
        return draws.normal(purpose, index)

    kind = uniform("size")
    empty = kind < EMPTY
    small = (kind >= EMPTY) & (kind < EMPTY + SMALL)
    huge = (index % HUGE_EVERY == HUGE_EVERY - 1) & ~empty & ~small
    before = np.clip(180 * np.exp(0.9 * normal("uploads")), 55, 3000)
    before = np.where(small, 1 + 34 * uniform("few uploads"), before)
    before = np.where(huge, 5000 + 7000 * uniform("many uploads"), before).astype(np.int64)
    interval = np.clip(48 * HOUR * np.exp(0.7 * normal("pause")), 8 * HOUR, 336 * HOUR)
    interval = np.where(small, (40 + 40 * uniform("long pause")) * DAY, interval)
    interval = np.where(huge, (3 + 3 * uniform("short pause")) * HOUR, interval)
    interval = np.minimum(interval, LONGEST_PAST / before).astype(np.int64)
    start = int(EPOCH.timestamp()) * 1_000_000 - before * interval
    subscribers = np.clip(10 ** (4.7 + 0.8 * normal("subscribers")), 120, 5e7)
    shifted = uniform("shifted") < SHIFTED
    flavours = _cumulative([flavour.share for flavour in FLAVOURS.values()])
    foreign = uniform("foreign") < FOREIGN
    return Plan(
        flavour=np.searchsorted(flavours, uniform("flavour"), "right"),
        script=np.where(foreign, (uniform("script") * len(SCRIPTS)).astype(np.int64), -1),
        start=start,
        interval=interval,
        last=np.where(empty, 0, np.where(uniform("dormant") < DORMANT, before, 1 << 40)),
        subscribers=subscribers,
        gain=0.001 * uniform("gain") ** 2,
        usual=subscribers * 10 ** (-1.1 + 0.3 * normal("reach")),
        short_factor=10 ** (0.2 + 0.3 * normal("shorts' reach")),
        spread=0.1 + 0.2 * uniform("spread"),
        shift_at=np.where(shifted, (before * (0.5 + 0.6 * uniform("shift at"))), -1).astype(int),
        shift=10 ** np.where(uniform("shift up") < 0.6, 0.5, -0.5),
        hidden=uniform("hidden") < HIDDEN,
        streaming=uniform("streaming") < STREAMING,
        empty=empty,
        short_share=np.array(SHORTS)[
            np.searchsorted(_cumulative(SHORTS_SHARES), uniform("shorts"), "right")
        ],
    )


def microseconds(moment: dt.datetime) -> int:
    """Since 1970."""
    return round(moment.timestamp() * 1_000_000)


def moment(micros: int | np.int64) -> dt.datetime:
    """The time of microseconds since 1970, to the second, UTC."""
    return dt.datetime.fromtimestamp(int(micros) // 1_000_000, dt.UTC)


def _cumulative(shares: tuple[float, ...] | list[float]) -> np.ndarray:
    bounds = np.cumsum(shares) / np.sum(shares)
    return np.asarray(bounds[:-1])
