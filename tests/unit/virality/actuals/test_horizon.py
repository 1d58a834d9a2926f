"""Views at an age, from counts near it."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from streams.virality.actuals.horizon import Count, views_at

OUT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def counts(*pairs: tuple[float, int]) -> list[Count]:
    return [Count(OUT + dt.timedelta(hours=hours), views) for hours, views in pairs]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], None),
        ([(20, 500)], None),  # the age is not reached
        ([(24, 700)], 700),  # exactly then
        ([(20, 500), (24, 700), (30, 900)], 700),
        ([(18, 999), (30, 9999)], round(math.sqrt(1000 * 10_000)) - 1),  # half way, in logs
        ([(23, 800), (25, 600)], round(math.sqrt(801 * 601) - 1)),  # a recount
        ([(18, 0), (30, 0)], 0),
        ([(26, 650)], 650),  # nothing before it, but near
        ([(27, 650)], None),  # more than a tenth away
        ([(1, 3), (400, 9999)], None),  # too far apart to say
        ([(23, 640), (400, 9999)], 640),  # of the two the one that is near
    ],
)
def test_views_at_24_hours(pairs: list[tuple[float, int]], expected: int | None) -> None:
    assert views_at(OUT, 24.0, counts(*pairs)) == expected
