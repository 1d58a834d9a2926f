"""What the fold judges, against what, and what it says of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_BASELINES, OUTLIER_DETECTIONS
from streams.outliers.fold import OutlierFold
from tests.unit.outliers.snapshots import DAY_0, Snapshot, fold_in_chunks, frame, snapshot

FOLD = OutlierFold(multiple=3.0, z=3.0)


def history(count: int, views: int | None = 99, **facts: Any) -> list[Snapshot]:
    facts = {"hours": 30, **facts}
    return [snapshot(f"old{number}", views=views, **facts) for number in range(count)]


def found(snapshots: list[Snapshot], fold: OutlierFold = FOLD) -> pl.DataFrame:
    return fold_in_chunks(fold, frame(snapshots))[1]


def state(snapshots: list[Snapshot]) -> dict[str, Any]:
    rows = fold_in_chunks(FOLD, frame(snapshots))[0].rows(named=True)
    assert len(rows) == 1
    return rows[0]


def test_a_hit_among_usual_videos_is_detected_with_all_its_facts() -> None:
    hit = snapshot("hit", hours=30.5, views=9_999, published=7)
    events = [*history(6), hit]
    facts = found(events).row(0, named=True)
    assert facts["video_id"] == "hit"
    assert facts["occurred_at"] == hit["occurred_at"]
    assert facts["published_at"] == hit["published_at"]
    assert facts["title"] == "about hit"
    assert facts["format"] == "long"
    assert facts["age_s"] == 30.5 * 3600
    assert facts["age_from_h"] == 24
    assert facts["views"] == 9_999
    assert facts["expected_views"] == pytest.approx(99)
    assert facts["multiple"] == pytest.approx(100)
    assert facts["z"] == pytest.approx(20)  # two powers of ten, at the least sigma of 0.1
    assert facts["tail_probability"] == pytest.approx(2.88776e-6, rel=1e-5)  # t(5) beyond 20
    assert facts["baseline_n"] == 6
    assert facts["baseline_median_log10"] == pytest.approx(2)
    assert facts["baseline_mad_log10"] == 0
    assert facts["source_partition"] == 1
    assert facts["source_offset"] == 18
    assert not facts["too_recent"]
    assert not facts["insufficient_history"]


def test_frames_have_the_columns_of_their_topics() -> None:
    rows, detections = fold_in_chunks(FOLD, frame([*history(3), *history(1, views=None)]))
    columns = dict(frame_schema(OUTLIER_BASELINES.schema))
    del columns["applied_offset"], columns["generation"]
    assert dict(rows.schema) == columns == dict(FOLD.state)
    assert detections.is_empty()
    assert detections.schema == frame_schema(OUTLIER_DETECTIONS.schema)
    assert FOLD.render(rows).equals(rows)


def test_three_times_the_usual_is_no_outlier_where_views_vary_that_much() -> None:
    varied = [
        snapshot(f"v{views}", hours=30, views=views) for views in (4000, 1000, 400, 100, 40, 10)
    ]
    assert found([*varied, snapshot("new", hours=30, views=900)]).is_empty()


def test_a_high_z_below_the_multiple_is_no_outlier() -> None:
    assert found([*history(10), snapshot("new", hours=30, views=250)]).is_empty()


def test_the_thresholds_are_settings() -> None:
    events = [*history(10), snapshot("new", hours=30, views=250)]
    assert len(found(events, OutlierFold(multiple=2.0, z=3.0))) == 1
    assert found(events, OutlierFold(multiple=2.0, z=5.0)).is_empty()


@pytest.mark.parametrize(("earlier", "said"), [(0, []), (1, []), (2, [True]), (4, [True])])
def test_little_history_is_said_and_none_is_silence(earlier: int, said: list[bool]) -> None:
    events = [*history(earlier), snapshot("hit", hours=30, views=9_999)]
    assert found(events)["insufficient_history"].to_list() == said


def test_little_history_asks_for_the_multiple_only() -> None:
    varied = [snapshot(f"v{views}", hours=30, views=views) for views in (1000, 100, 10)]
    assert len(found([*varied, snapshot("hit", hours=30, views=400)])) == 1
    assert found([*varied, snapshot("new", hours=30, views=200)]).is_empty()


def test_a_video_in_its_first_hours_is_said_to_be_too_recent() -> None:
    early = found([*history(6, hours=2), snapshot("hit", hours=2, views=9_999)])
    assert early["too_recent"].to_list() == [True]


@pytest.mark.parametrize(
    "other", [{"duration": 180}, {"duration": None}, {"hours": 48}, {"channel": "d"}]
)
def test_only_the_same_channel_format_and_age_are_compared(other: dict[str, Any]) -> None:
    facts = {"hours": 30, "views": 9_999, **other}
    assert found([*history(6), snapshot("hit", **facts)]).is_empty()


def test_a_video_is_judged_once_in_an_age_bucket() -> None:
    hit = snapshot("hit", hours=30, views=9_999)
    later = snapshot("hit", hours=40, views=99_999)
    events = [*history(6), hit, dict(hit), later]
    assert found(events)["views"].to_list() == [9_999]
    (baseline,) = state(events)["baselines"]
    assert baseline["n"] == 7


def test_a_video_is_judged_again_in_the_next_bucket() -> None:
    events = [
        *history(6),
        *history(6, hours=50),
        snapshot("hit", hours=30, views=9_999),
        snapshot("hit", hours=50, views=9_999),
    ]
    assert found(events)["age_from_h"].to_list() == [24, 48]


def test_the_judged_video_is_not_in_its_own_baseline_but_in_the_next_ones() -> None:
    events = [*history(6), *(snapshot(f"hit{n}", hours=30, views=9_999) for n in range(2))]
    assert found(events)["baseline_n"].to_list() == [6, 7]


def test_the_last_twenty_videos_are_remembered_oldest_first() -> None:
    events = [snapshot(f"v{n}", hours=30, views=n) for n in range(33)]
    (baseline,) = state(events)["baselines"]
    assert baseline["n"] == 20
    assert baseline["recent"] == sorted(baseline["recent"])
    assert baseline["recent"][0] == pytest.approx(1.1461280356782377)  # of 13 views


def test_a_recount_below_earlier_views_is_a_snapshot_like_any_other() -> None:
    events = [snapshot("v", hours=7, views=500), snapshot("v", hours=30, views=20)]
    assert state(events)["snapshots"] == 2
    assert [b["median_log10_views"] for b in state(events)["baselines"]] == pytest.approx(
        [1.3222192947339193, 2.6998377258672456][::-1]
    )


@pytest.mark.parametrize(
    "facts", [{"views": None}, {"hours": -0.001}, {"hours": 2160}, {"hours": 9_000}]
)
def test_what_cannot_be_judged_is_counted_and_moves_time_on(facts: dict[str, Any]) -> None:
    one = snapshot("v", **{"hours": 30, "views": 1, **facts})
    row = state([one])
    assert row["snapshots"] == 1
    assert row["as_of"] == one["occurred_at"]
    assert row["baselines"] == row["seen"] == []


def test_a_late_snapshot_does_not_turn_time_back() -> None:
    row = state([snapshot("v", hours=50, views=1), snapshot("w", hours=3, views=1)])
    assert row["as_of"] == DAY_0 + dt.timedelta(hours=50)


def test_judgements_are_forgotten_120_days_after_publication() -> None:
    day = 24
    kept = [snapshot("v", hours=30, views=1), snapshot("w", published=119 * day, hours=24, views=1)]
    assert [entry["video_id"] for entry in state(kept)["seen"]] == ["v", "w"]
    gone = [*kept, snapshot("x", published=120 * day, hours=0.001, views=1)]
    assert [entry["video_id"] for entry in state(gone)["seen"]] == ["w", "x"]


def test_a_snapshot_that_comes_after_its_video_was_forgotten_is_only_counted() -> None:
    first, again = snapshot("v", hours=30, views=1), snapshot("v", hours=31, views=9_999)
    much_later = snapshot("w", published=24 * 130, hours=1, views=1)
    for cuts in ([], [1], [2], [1, 2]):
        rows, _ = fold_in_chunks(FOLD, frame([first, much_later, again]), cuts)
        row = rows.row(0, named=True)
        assert row["snapshots"] == 3
        assert [(b["age_from_h"], b["n"]) for b in row["baselines"]] == [(0, 1), (24, 1)]


def test_a_publication_moved_a_little_is_no_new_video() -> None:
    events = [snapshot("v", hours=30, views=1), snapshot("v", published=48, hours=30, views=1)]
    row = state(events)
    assert row["baselines"][0]["n"] == 1
    assert [entry["published_at"] for entry in row["seen"]] == [DAY_0 + dt.timedelta(hours=48)]


@pytest.mark.parametrize("cuts", [[], [1], [2], [3], [1, 2, 3]])
def test_the_newest_publication_is_remembered_not_the_last_one_heard_of(cuts: list[int]) -> None:
    day = 24
    events = [
        snapshot("v", published=120 * day, hours=30, views=1),
        snapshot("v", published=60 * day, hours=30, views=1),
        snapshot("w", published=189 * day, hours=30, views=1),  # forgets 60, remembers 120
        snapshot("v", published=118 * day, hours=30, views=1),
    ]
    rows, _ = fold_in_chunks(FOLD, frame(events), cuts)
    (baseline,) = rows["baselines"].item()
    assert baseline["n"] == 2  # the first of v, and w


def test_a_detection_made_again_is_the_same_event() -> None:
    events = frame([*history(6), snapshot("hit", hours=30, views=9_999)])
    first, again = (fold_in_chunks(FOLD, events, cuts)[1] for cuts in ([], [2, 5, 6]))
    assert first.equals(again)
    assert first["event_id"].to_list() == ["fdfbe41e-8eea-5453-8cce-6c5867fe73ee"]


def test_rows_may_carry_the_columns_of_the_runtime() -> None:
    events = frame(history(2))
    rows = FOLD(pl.DataFrame(schema=FOLD.state), events[:1]).rows
    carried = rows.with_columns(applied_offset=pl.lit(0, pl.Int64), generation=pl.lit(1, pl.Int32))
    assert FOLD(carried, events[1:]).rows.equals(FOLD(rows, events[1:]).rows)
