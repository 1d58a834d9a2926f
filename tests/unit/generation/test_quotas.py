from __future__ import annotations

import datetime as dt

import pytest

from streams.generation.quotas.limits import Quotas, Usage, next_start

NOW = dt.datetime(2026, 12, 31, 23, 59, tzinfo=dt.UTC)
NEW_YEAR = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("now", "day", "month"),
    [
        ("2026-01-31T00:00:00+00:00", "2026-02-01", "2026-02-01"),
        ("2026-12-05T23:59:59+00:00", "2026-12-06", "2027-01-01"),
        ("2028-02-28T12:00:00+00:00", "2028-02-29", "2028-03-01"),
        ("2026-03-01T01:00:00+05:00", "2026-03-01", "2026-03-01"),  # February in UTC
    ],
)
def test_days_and_months_are_of_utc(now: str, day: str, month: str) -> None:
    at = dt.datetime.fromisoformat(now)
    assert next_start("day", at) == dt.datetime.fromisoformat(f"{day}T00:00:00+00:00")
    assert next_start("month", at) == dt.datetime.fromisoformat(f"{month}T00:00:00+00:00")


@pytest.mark.parametrize(
    ("quotas", "usage", "period"),
    [
        (Quotas(), Usage(10**6, 10**6), None),
        (Quotas(jobs_per_day=0), Usage(), "day"),
        (Quotas(jobs_per_day=5), Usage(4, 40), None),
        (Quotas(jobs_per_day=5), Usage(5, 40), "day"),
        (Quotas(jobs_per_day=5, jobs_per_month=40), Usage(5, 40), "month"),
        (Quotas(jobs_per_month=40), Usage(5, 40), "month"),
    ],
)
def test_the_quota_that_is_used_up(quotas: Quotas, usage: Usage, period: str | None) -> None:
    found = quotas.used_up(usage, NOW)
    assert (found.period if found else None) == period
    if found:
        assert found.resets_at == NEW_YEAR


def test_the_budget_is_what_the_tighter_of_both_leaves() -> None:
    quotas = Quotas(usd_per_day=1.0, usd_per_month=10.0)
    assert Quotas().budget(Usage()) is None
    assert quotas.budget(Usage(usd_day=0.1 + 0.2, usd_month=5.0)) == 0.7
    assert quotas.budget(Usage(usd_day=0.5, usd_month=9.9)) == 0.1
    assert quotas.budget(Usage(usd_day=3.0, usd_month=3.0)) == 0.0
    noon = NOW.replace(day=5)
    assert quotas.budget_resets(Usage(usd_day=1.0, usd_month=2.0), noon).day == 6
    assert quotas.budget_resets(Usage(usd_day=1.0, usd_month=10.0), noon) == NEW_YEAR


def test_sums_of_prices_do_not_drift() -> None:
    usage = Usage()
    for _ in range(30):
        usage = usage.plus(0.1)
    assert usage == Usage(30, 30, 3.0, 3.0)
