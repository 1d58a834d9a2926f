"""The numbers of simulated uploads: when, how long, how many views at a moment."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from infra.simulator.growth import grown
from infra.simulator.scenario import HOUR, MICROS
from infra.youtube_local.draws import Draws
from infra.youtube_local.plan import DAY, Plan, microseconds

OUTLIER_SHARE = 1 / 60  # of the uploads
OUTLIER_MULTIPLE = (8.0, 40.0)  # times the channel's usual
HISTORY_OF_OUTLIER = 8  # earlier uploads, so that "usual" means something
PRIVATE = 0.01
DELETED = 0.01
RECOUNTED = 0.02  # share of the uploads whose views are once corrected
RECOUNT = 0.88  # what is left of them
HIDDEN_LIKES = 0.03
NO_COMMENTS = 0.02
BROADCASTS = 0.2  # of the uploads of a channel that streams
ANNOUNCED = DAY  # so long before it starts, a broadcast is published
ON_AIR = 2 * HOUR
SHORT_SPEED = 2.0  # a Short's views come so much faster
TREND_SHARE = 0.4  # of the outliers: made of what is in fashion

PUBLIC, PRIVATE_CODE, DELETED_CODE = 0, 1, 2


@dataclass(frozen=True)
class Uploads:
    """Some uploads: parallel columns, from the channel's number and the upload's."""

    draws: Draws
    plan: Plan
    channel: np.ndarray
    number: np.ndarray

    def drawn(self, purpose: str) -> np.ndarray:
        """A number from 0 to below 1 for each."""
        return self.draws.uniform(purpose, self.channel, self.number)

    @cached_property
    def published(self) -> np.ndarray:
        """Microseconds since 1970, whole seconds; ascending with the number."""
        slot = self.number + 0.1 + 0.8 * self.drawn("published")
        time = self.plan.start[self.channel] + slot * self.plan.interval[self.channel]
        return np.asarray(time.astype(np.int64) // MICROS * MICROS)

    @cached_property
    def broadcast(self) -> np.ndarray:
        """Whether it is a live broadcast, Boolean."""
        return np.asarray(self.plan.streaming[self.channel] & (self.drawn("live") < BROADCASTS))

    @cached_property
    def starts(self) -> np.ndarray:
        """When there is something to see: microseconds since 1970."""
        return np.asarray(self.published + ANNOUNCED * self.broadcast)

    @cached_property
    def short(self) -> np.ndarray:
        """Whether it is a Short, Boolean."""
        return np.asarray(
            (self.drawn("short") < self.plan.short_share[self.channel]) & ~self.broadcast
        )

    @cached_property
    def seconds(self) -> np.ndarray:
        """Length: 12 to 59 of a Short, at least 181 of any other."""
        long = 181 + 900 * self.drawn("length") ** 2
        return np.where(self.short, 12 + 48 * self.drawn("length"), long).astype(np.int64)

    @cached_property
    def multiple(self) -> np.ndarray:
        """Times the usual where it was planted as an outlier, else NaN."""
        low, high = OUTLIER_MULTIPLE
        planted = (self.drawn("outlier") < OUTLIER_SHARE) & (self.number >= HISTORY_OF_OUTLIER)
        return np.where(planted, low + (high - low) * self.drawn("multiple"), np.nan)

    @cached_property
    def trendy(self) -> np.ndarray:
        """Whether it is an outlier by the fashion of its fortnight."""
        return np.asarray(~np.isnan(self.multiple) & (self.drawn("trendy") < TREND_SHARE))

    @cached_property
    def pattern(self) -> np.ndarray:
        """Which of the titles of its kind it has, 0 to below 1."""
        return self.drawn("title")

    @cached_property
    def thing(self) -> np.ndarray:
        """What it is about, 0 to below 1 through the list of its kind."""
        return self.drawn("thing")

    @cached_property
    def usual(self) -> np.ndarray:
        """What such a video of the channel gets in the long run."""
        plan, at = self.plan, self.channel
        shifted = (plan.shift_at[at] >= 0) & (self.number >= plan.shift_at[at])
        by_format = np.where(self.short, plan.short_factor[at], 1.0)
        return np.asarray(plan.usual[at] * by_format * np.where(shifted, plan.shift[at], 1.0))

    @cached_property
    def eventual(self) -> np.ndarray:
        """Its own views in the long run."""
        noise = self.draws.normal("noise", self.channel, self.number)
        factor = 10 ** (noise * self.plan.spread[self.channel])
        return np.asarray(self.usual * np.where(np.isnan(self.multiple), factor, self.multiple))

    @cached_property
    def status(self) -> np.ndarray:
        """0 public, 1 private, 2 deleted."""
        drawn = self.drawn("status")
        return np.where(drawn < PRIVATE, PRIVATE_CODE, 0) + np.where(
            (drawn >= PRIVATE) & (drawn < PRIVATE + DELETED), DELETED_CODE, 0
        )

    @cached_property
    def recounted_at(self) -> np.ndarray:
        """The age at which views are taken back, microseconds; never: the largest Int64."""
        age = (12 + 388 * self.drawn("recount age") ** 2) * HOUR
        happens = self.drawn("recount") < RECOUNTED
        return np.where(happens, age.astype(np.int64), np.iinfo(np.int64).max)

    def views(self, now: dt.datetime) -> np.ndarray:
        """Views so far, Int64: they grow, and fall once where the platform recounts."""
        age = microseconds(now) - self.starts
        share = grown(age * np.where(self.short, SHORT_SPEED, 1.0))
        kept = np.where(age >= self.recounted_at, RECOUNT, 1.0)
        return np.asarray((self.eventual * share * kept).astype(np.int64))


def count(draws: Draws, plan: Plan, channel: int, now: dt.datetime) -> int:
    """How many uploads the channel has made by now."""
    slots = (microseconds(now) - int(plan.start[channel])) // int(plan.interval[channel])
    slots = min(slots, int(plan.last[channel]) - 1)
    if slots < 0:
        return 0
    newest = Uploads(draws, plan, np.array([channel]), np.array([slots]))
    return int(slots) + int(newest.published[0] <= microseconds(now))
