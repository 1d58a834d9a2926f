"""Views a day of a channel: what moves its usual, what does not, and that chunks do not matter."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro_types import frame_schema
from schemas.catalogue import CHANNEL_SNAPSHOTS, OUTLIER_SHIFTS
from streams.columnar.fold import numbered
from streams.outliers.channels.fold import ChannelShiftFold

DAY_0 = dt.datetime(2026, 1, 1, 11, tzinfo=dt.UTC)
SCHEMA = {
    **frame_schema(CHANNEL_SNAPSHOTS.schema),
    "_partition": pl.Int32(),
    "_offset": pl.Int64(),
}
FOLD = ChannelShiftFold()

Snapshot = tuple[str, float, int | None]  # channel, days after DAY_0, cumulative views


def frame(snapshots: Sequence[Snapshot]) -> pl.DataFrame:
    rows = [
        {
            "event_id": f"e{number}",
            "occurred_at": DAY_0 + dt.timedelta(days=days),
            "channel_id": channel,
            "views": views,
            "_partition": 2,
            "_offset": 3 * number,
        }
        for number, (channel, days, views) in enumerate(snapshots)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def folded(
    snapshots: Sequence[Snapshot], cuts: Sequence[int] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """State by channel, and shifts in log order, after folding chunk by chunk."""
    events = frame(snapshots)
    state = pl.DataFrame(schema=FOLD.state)
    found = [pl.DataFrame(schema=frame_schema(OUTLIER_SHIFTS.schema))]
    for start, end in itertools.pairwise([0, *sorted(cuts), len(events)]):
        if start == end:
            continue
        keys, chunk = numbered(events[start:end], "channel_id")
        rows = pl.DataFrame([keys]).join(state, on="channel_id", how="left", maintain_order="left")
        one = FOLD(rows, chunk)
        state = pl.concat([state.join(one.rows, on="channel_id", how="anti"), one.rows])
        found.append(one.emitted[OUTLIER_SHIFTS])
    return state.sort("channel_id"), pl.concat(found)


def shifts(snapshots: Sequence[Snapshot]) -> list[dict[str, Any]]:
    return folded(snapshots)[1].rows(named=True)


def growing(
    daily: Callable[[int], float], days: int = 60, *, start: int = 10**6, channel: str = "c"
) -> list[Snapshot]:
    """A snapshot a day of a channel that gains `daily(day)` views, with a little noise."""
    rng, views, seen = random.Random(7), start, [(channel, 0.0, start)]
    for day in range(1, days):
        views += int(daily(day) * 10 ** rng.gauss(0, 0.1))
        seen.append((channel, day + rng.uniform(-0.05, 0.05), views))
    return seen


def test_a_channel_that_doubles_for_good_is_an_alarm_once_and_then_usual() -> None:
    found = shifts(growing(lambda day: 10_000 if day < 30 else 25_000, 120))
    assert len(found) == 1
    (shift,) = found
    assert (shift["measure"], shift["direction"], shift["format"]) == ("channel", "up", None)
    assert shift["factor"] == pytest.approx(2.5, rel=0.15)
    assert shift["before_log10"] == pytest.approx(4, abs=0.05)
    since = (shift["since"] - DAY_0).total_seconds() / 86_400
    assert since == pytest.approx(29, abs=1.1)
    at = (shift["occurred_at"] - DAY_0).days
    assert at - since >= shift["observations"] - 1.5 >= 6


def test_a_channel_that_dries_up_is_an_alarm_down() -> None:
    (shift,) = shifts(growing(lambda day: 10_000 if day < 30 else 1_000))
    assert (shift["direction"], round(shift["factor"], 1)) == ("down", 0.1)


@pytest.mark.parametrize(("peak", "lasts"), [(1000, 1), (100, 3), (30, 3), (10, 5)])
def test_one_hit_is_no_shift_however_high(peak: float, lasts: float) -> None:
    def daily(day: int) -> float:
        hit = peak * math.exp(-(day - 30) / lasts) if day >= 30 else 0
        return 10_000 * (1 + hit)

    assert shifts(growing(daily, 90)) == []


@pytest.mark.parametrize(("hit", "lasts", "level"), [(10, 3, 3), (100, 2, 3), (30, 5, 2.5)])
def test_a_shift_that_begins_with_a_hit_is_told_within_weeks(
    hit: float, lasts: int, level: float
) -> None:
    def daily(day: int) -> float:
        return 10_000 * (1 if day < 30 else hit if day < 30 + lasts else level)

    (shift,) = shifts(growing(daily, 90))
    assert (shift["occurred_at"] - DAY_0).days <= 30 + lasts + 15
    assert shift["factor"] == pytest.approx(level, rel=0.25)


def test_a_usual_channel_and_a_slowly_growing_one_raise_nothing() -> None:
    assert shifts(growing(lambda day: 10_000, 300)) == []
    assert shifts(growing(lambda day: 10_000 * 1.003**day, 300)) == []


def test_a_recount_is_a_correction_and_no_day() -> None:
    usual = growing(lambda day: 10_000, 40)
    fallen = [
        (channel, days, views - 300_000 if views and days > 20.5 else views)
        for channel, days, views in usual
    ]
    state, found = folded(fallen)
    assert found.is_empty()
    before = folded(usual)[0].row(0, named=True)
    after = state.row(0, named=True)
    assert after["days"] == before["days"] - 1
    assert after["location"] == pytest.approx(before["location"], abs=0.02)


def test_hidden_views_and_snapshots_from_before_the_mark_only_count() -> None:
    usual = growing(lambda day: 10_000, 20)
    more: list[Snapshot] = [*usual[:12], ("c", 11.9, None), ("c", 3.0, 5), usual[5], *usual[12:]]
    ours, theirs = (folded(one)[0].row(0, named=True) for one in (more, usual))
    assert ours.pop("snapshots") == theirs.pop("snapshots") + 3
    assert ours == theirs


def test_several_snapshots_a_day_are_one_day_and_a_gap_is_brought_to_days() -> None:
    often = [("c", hour / 24, 10**6 + 1_000 * hour) for hour in range(0, 24 * 30, 5)]
    rare = [("c", float(day), 10**6 + 24_000 * day) for day in range(0, 90, 3)]
    for seen in (often, rare):
        row = folded(seen)[0].row(0, named=True)
        assert row["location"] == pytest.approx(math.log10(24_001), abs=1e-9)


def test_after_a_long_silence_the_usual_begins_anew() -> None:
    seen = growing(lambda day: 10_000, 20)
    later = [("c", 60.0 + day, 10**7 + 90_000 * day) for day in range(12)]
    state, found = folded([*seen, *later])
    assert found.is_empty()
    row = state.row(0, named=True)
    assert row["days"] == 11
    assert row["location"] == pytest.approx(math.log10(90_001), abs=1e-6)


def test_event_ids_follow_from_the_snapshot() -> None:
    seen = growing(lambda day: 10_000 if day < 30 else 40_000)
    first, again = (folded(seen, cuts)[1] for cuts in ([], range(len(seen))))
    assert first["event_id"].to_list() == again["event_id"].to_list()
    assert first.height == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.floats(0, 80),
            st.none() | st.integers(0, 10**9),
        ),
        min_size=1,
        max_size=60,
    ),
    st.data(),
)
def test_any_chunks_give_the_same_state_and_the_same_shifts(
    snapshots: list[Snapshot], data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        snapshots = sorted(snapshots, key=lambda one: one[1])
    cuts = data.draw(st.lists(st.integers(0, len(snapshots)), max_size=8))
    whole, parts = folded(snapshots), folded(snapshots, cuts)
    assert whole[0].equals(parts[0])
    assert whole[1].equals(parts[1])


def test_any_chunks_give_the_same_where_there_are_shifts() -> None:
    seen = [
        one
        for pair in zip(
            growing(lambda day: 10_000 if day % 60 < 30 else 40_000, 150),
            growing(lambda day: 50 if day < 70 else 5, 150, channel="d"),
            strict=True,
        )
        for one in pair
    ]
    whole = folded(seen)
    assert whole[1].height >= 4
    for step in (1, 7, 50):
        parts = folded(seen, range(0, len(seen), step))
        assert whole[0].equals(parts[0])
        assert whole[1].equals(parts[1])
