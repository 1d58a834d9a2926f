from __future__ import annotations

from streams.outliers.watching.pacing import LEAST_SAVED, Pacing

DAY = 86_400.0


def spend_all(budget: int, until: float = DAY, step: float = 60.0) -> list[int]:
    """Everything that is allowed is spent, minute by minute."""
    pacing, now = Pacing(), 0.0
    spent: list[int] = []
    while now < until:
        units = pacing.allowed(now, budget - sum(spent), DAY)
        pacing.spent(units)
        spent.append(units)
        now += step
    return spent


def test_a_day_s_units_last_for_the_day_and_no_longer() -> None:
    spent = spend_all(6_000)
    assert 5_990 <= sum(spent) <= 6_000
    hours = [sum(spent[at : at + 60]) for at in range(0, len(spent), 60)]
    assert max(hours[1:]) <= 1.2 * min(hours[1:])


def test_few_units_are_not_overspent_at_the_start() -> None:
    assert spend_all(5, until=600.0)[0] == 5
    assert sum(spend_all(100)) <= 100


def test_what_was_not_worth_spending_is_spread_over_the_rest() -> None:
    pacing = Pacing()
    pacing.allowed(0.0, 6_000, DAY)
    at_noon = pacing.allowed(DAY / 2, 6_000, DAY)
    assert at_noon == 6_000 / (DAY / 2) * 1_800  # no more than half an hour's at once


def test_at_the_start_there_are_some_for_what_was_just_asked_for() -> None:
    assert Pacing().allowed(0.0, 100, DAY) == LEAST_SAVED


def test_without_units_nothing_is_allowed() -> None:
    assert Pacing().allowed(0.0, 0, DAY) == 0
    assert Pacing().allowed(DAY, 0, DAY) == 0


def test_more_spent_than_allowed_is_paid_back() -> None:
    pacing = Pacing()
    pacing.allowed(0.0, 1_440, DAY)
    pacing.spent(100)
    assert pacing.allowed(60.0, 1_340, DAY) == 0
