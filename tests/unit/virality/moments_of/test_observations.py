"""Thinning: a handful is kept, whatever the order and however often it is done."""

from __future__ import annotations

import polars as pl
import pytest

from streams.virality.moments import HISTORY_OBSERVATIONS
from streams.virality.moments_of.observations import NEWEST, thinned
from tests.unit.virality.charted import START, at


def _hourly(count: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "video_id": "v",
            "published_at": START,
            "at": [at(hour * 1.5) for hour in range(1, count + 1)],
            "views": [hour * 10 for hour in range(1, count + 1)],
        }
    )


def test_first_newest_and_those_near_the_reference_ages_are_kept() -> None:
    hours = [(t - START).total_seconds() / 3600 for t in thinned(_hourly(300))["at"]]
    assert hours == [1.5, 3, 6, 12, 24, 48, 72, 168, 336, 442.5, 444, 445.5, 447, 448.5, 450]
    assert len(hours) <= HISTORY_OBSERVATIONS


def test_of_equally_near_ones_the_earlier_is_kept() -> None:
    seen = pl.DataFrame(
        {
            "video_id": "v",
            "published_at": START,
            "at": [at(h) for h in (0.5, 23, 25, *range(1000, 1000 + NEWEST))],
            "views": 1,
        }
    )
    kept = thinned(seen)["at"].to_list()
    assert at(23) in kept
    assert thinned(seen.reverse())["at"].to_list() == kept


@pytest.mark.parametrize("first", [1, 7, 40, 199])
def test_thinning_the_thinned_with_what_came_since_is_thinning_everything(first: int) -> None:
    everything = _hourly(200)
    stepwise = thinned(pl.concat([thinned(everything.head(first)), everything.tail(200 - first)]))
    assert stepwise.equals(thinned(everything.sample(fraction=1, shuffle=True, seed=1)))


def test_of_two_counts_of_an_instant_the_higher_counts() -> None:
    seen = pl.DataFrame(
        {"video_id": "v", "published_at": START, "at": [at(3)] * 3, "views": [5, None, 9]}
    )
    assert thinned(seen)["views"].to_list() == [9]
