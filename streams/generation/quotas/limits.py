"""Quotas and what is left of them: pure.

A day is one of UTC, a month one of the calendar in UTC.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Literal, Self

from infra.settings import Settings

Period = Literal["day", "month"]

_CENTS = 6  # digits of a US dollar that are counted: sums of prices are not to drift


@dataclass(frozen=True, slots=True)
class Usage:
    """What a user had made in the present day and month: jobs, and US dollars that they cost."""

    jobs_day: int = 0
    jobs_month: int = 0
    usd_day: float = 0.0
    usd_month: float = 0.0

    def plus(self, cost_usd: float) -> Usage:
        """With one job more."""
        return replace(
            self,
            jobs_day=self.jobs_day + 1,
            jobs_month=self.jobs_month + 1,
            usd_day=round(self.usd_day + cost_usd, _CENTS),
            usd_month=round(self.usd_month + cost_usd, _CENTS),
        )


@dataclass(frozen=True, slots=True)
class UsedUp:
    """A quota of which nothing is left.

    Attributes:
        resets_at: when the next day or month begins.
    """

    period: Period
    used: int
    limit: int
    resets_at: dt.datetime

    @property
    def reason(self) -> str:
        """Why a job is refused, for a person."""
        return (
            f"the quota of jobs in a {self.period} is used up ({self.used} of {self.limit}); "
            f"the next {self.period} begins at {self.resets_at:%Y-%m-%dT%H:%MZ}"
        )


@dataclass(frozen=True, slots=True)
class Quotas:
    """What every user may have made; None: without bounds."""

    jobs_per_day: int | None = None
    jobs_per_month: int | None = None
    usd_per_day: float | None = None
    usd_per_month: float | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        return cls(
            settings.quota_jobs_per_day,
            settings.quota_jobs_per_month,
            settings.quota_usd_per_day,
            settings.quota_usd_per_month,
        )

    @property
    def limited(self) -> bool:
        """Whether there are any bounds at all."""
        return self != Quotas()

    def used_up(self, usage: Usage, now: dt.datetime) -> UsedUp | None:
        """The quota that another job would exceed; of two the one that takes longer to reset."""
        for period, used, limit in (
            ("month", usage.jobs_month, self.jobs_per_month),
            ("day", usage.jobs_day, self.jobs_per_day),
        ):
            if limit is not None and used >= limit:
                of: Period = "month" if period == "month" else "day"
                return UsedUp(of, used, limit, next_start(of, now))
        return None

    def budget(self, usage: Usage) -> float | None:
        """US dollars that another job may cost; None: any sum."""
        left = [
            round(limit - used, _CENTS)
            for used, limit in (
                (usage.usd_day, self.usd_per_day),
                (usage.usd_month, self.usd_per_month),
            )
            if limit is not None
        ]
        return max(min(left), 0.0) if left else None

    def budget_resets(self, usage: Usage, now: dt.datetime) -> dt.datetime:
        """When there will be more than that."""
        left_day = _left(self.usd_per_day, usage.usd_day)
        left_month = _left(self.usd_per_month, usage.usd_month)
        return next_start("month" if left_month <= left_day else "day", now)


def next_start(period: Period, now: dt.datetime) -> dt.datetime:
    """The beginning of the next day or month."""
    today = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return today + dt.timedelta(days=1)
    return (today.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def _left(limit: float | None, used: float) -> float:
    return float("inf") if limit is None else limit - used
