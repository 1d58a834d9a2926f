"""Shifts of what is usual: many videos, and not one hit."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from streams.outliers.detection.verdicts import Rule
from streams.outliers.fold import OutlierFold
from tests.unit.outliers.snapshots import DAY_0, Snapshot, fold_in_chunks, frame, snapshot

FOLD = OutlierFold(Rule(3.0, 0.01))


def uploads(count: int, level: float, first: int = 0, seed: int = 1) -> list[Snapshot]:
    """One a day, each seen at 30 hours, around a level of log10 views."""
    rng = random.Random(seed + first)
    return [
        snapshot(f"v{n}", hours=30, views=round(10 ** rng.gauss(level, 0.2)), published=24 * n)
        for n in range(first, first + count)
    ]


def shifts(snapshots: list[Snapshot]) -> list[dict[str, Any]]:
    return fold_in_chunks(FOLD, frame(snapshots)).shifts.rows(named=True)


def test_one_hit_is_no_shift() -> None:
    hit = snapshot("hit", hours=30, views=10**9, published=24 * 30)
    assert shifts([*uploads(30, 4), hit, *uploads(20, 4, 31)]) == []


@pytest.mark.parametrize(("level", "direction"), [(5.0, "up"), (3.0, "down")])
def test_a_handful_of_videos_at_a_new_level_is_one(level: float, direction: str) -> None:
    (one,) = shifts([*uploads(30, 4), *uploads(30, level, 30)])
    assert one["direction"] == direction
    assert one["channel_id"] == "c"
    assert (one["measure"], one["format"]) == ("videos", "long")
    assert one["observations"] in range(4, 8)
    assert one["since"] in [DAY_0 + dt.timedelta(days=n) for n in range(27, 32)]
    assert one["factor"] == pytest.approx(10 ** (level - 4), rel=0.4)
    assert one["after_log10"] - one["before_log10"] == pytest.approx(level - 4, abs=0.15)
    assert one["statistic"] >= 5
    assert one["occurred_at"] < DAY_0 + dt.timedelta(days=40)


def test_after_a_shift_videos_are_set_against_the_new_level() -> None:
    after = uploads(12, 5.0, 30)
    usual = snapshot("usual", hours=30, views=10**5, published=24 * 42)
    found = fold_in_chunks(FOLD, frame([*uploads(30, 4), *after, usual]))
    assert "usual" not in found.detections["video_id"].to_list()
    (facts,) = FOLD.render(found.rows)["baselines"].to_list()
    at_a_day = next(one for one in facts if one["age_from_h"] == 24)
    assert at_a_day["n"] in range(12, 17)
    assert at_a_day["median_log10_views"] == pytest.approx(5.0, abs=0.2)


def test_a_video_from_before_a_downward_shift_is_no_outlier_after_it() -> None:
    old = snapshot("v15", hours=60 * 24, views=40_000, published=24 * 15)
    found = fold_in_chunks(FOLD, frame([*uploads(30, 4), *uploads(20, 2.5, 30), old]))
    assert len(found.shifts)
    assert found.detections.filter(found.detections["video_id"] == "v15").is_empty()


def test_a_video_counts_once_however_often_it_is_seen() -> None:
    often = [
        {**one, "occurred_at": one["occurred_at"] + dt.timedelta(hours=n)}
        for one in uploads(2, 5.5, 30)
        for n in range(40)
    ]
    assert shifts([*uploads(30, 4), *sorted(often, key=lambda one: one["occurred_at"])]) == []


def test_levels_that_follow_each_other_are_all_told() -> None:
    steps = [one for step in range(6) for one in uploads(20, 3 + step % 2 * 1.5, 20 * step)]
    found = shifts(steps)
    assert [one["direction"] for one in found] == ["up", "down", "up", "down", "up"]
