"""What the fold judges, against what, and what it says of it."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import polars as pl
import pytest
from scipy import stats

from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_BASELINES, OUTLIER_DETECTIONS
from streams.columnar.fold import numbered
from streams.outliers.detection.verdicts import Rule
from streams.outliers.fold import OutlierFold
from streams.outliers.model.growth import Growth
from tests.unit.outliers.snapshots import (
    DAY_0,
    Outcome,
    Snapshot,
    fold_in_chunks,
    frame,
    snapshot,
)

RULE = Rule(3.0, 0.01)
FOLD = OutlierFold(RULE)
GROUP = Growth.default().codes(pl.Series(["long"]), pl.Series([None], dtype=pl.String))


def history(count: int, views: int | None = 999, **facts: Any) -> list[Snapshot]:
    """Videos that differ by a few percent."""
    facts = {"hours": 30, **facts}
    return [
        snapshot(f"old{n}", views=None if views is None else round(views * 1.02**(n % 5)), **facts)
        for n in range(count)
    ]  # fmt: skip


def folded(snapshots: list[Snapshot], fold: OutlierFold = FOLD) -> Outcome:
    return fold_in_chunks(fold, frame(snapshots))


def told(snapshots: list[Snapshot], fold: OutlierFold = FOLD) -> list[dict[str, Any]]:
    return folded(snapshots, fold).detections.rows(named=True)


def verdicts(snapshots: list[Snapshot]) -> list[tuple[str, str]]:
    return [(one["video_id"], one["verdict"]) for one in told(snapshots)]


def state(snapshots: list[Snapshot]) -> dict[str, Any]:
    (row,) = folded(snapshots).rows.rows(named=True)
    return row


def share(hours: float) -> float:
    return float(Growth.default().log_share(GROUP, pl.Series([hours]).to_numpy())[0])


def test_a_hit_among_usual_videos_is_detected_with_all_its_facts() -> None:
    hit = snapshot("hit", hours=30.5, views=199_999, published=7)
    events = [*history(6), hit]
    (facts,) = told(events)
    assert facts["video_id"] == "hit"
    assert facts["occurred_at"] == hit["occurred_at"]
    assert facts["published_at"] == hit["published_at"]
    assert facts["title"] == "about hit"
    assert facts["category"] is None
    assert facts["format"] == "long"
    assert facts["age_s"] == 30.5 * 3600
    assert facts["age_from_h"] == 24
    assert facts["views"] == 199_999
    assert facts["expected_views"] == pytest.approx(1030, rel=0.05)
    assert facts["multiple"] == pytest.approx(200_000 / (facts["expected_views"] + 1))
    assert facts["z"] == pytest.approx(math.log10(facts["multiple"]) / facts["scale_log10"])
    assert facts["tail_probability"] == pytest.approx(stats.t.sf(facts["z"], facts["df"]))
    reach = stats.t.ppf(0.95, facts["df"]) * facts["scale_log10"]
    usual = facts["expected_views"] + 1
    assert facts["expected_high"] == pytest.approx(usual * 10**reach - 1)
    assert facts["expected_low"] == pytest.approx(usual / 10**reach - 1)
    assert facts["baseline_n"] == 6
    assert facts["baseline_median_log10"] == pytest.approx(
        math.log10(1000 * 1.02**1.5) + share(30.5) - share(30), abs=1e-3
    )
    assert facts["source_partition"] == 1
    assert facts["source_offset"] == 18
    assert facts["verdict"] == "outlier"
    assert (facts["retracts"], facts["confirms"], facts["reason"]) == (None, None, None)
    assert facts["growth"] == Growth.default().version
    assert not facts["too_recent"]
    assert not facts["insufficient_history"]


def test_frames_have_the_columns_of_their_topics() -> None:
    rows, detections, _ = folded([*history(3), *history(1, views=None)])
    columns = dict(frame_schema(OUTLIER_BASELINES.schema))
    del columns["applied_offset"], columns["generation"]
    assert dict(FOLD.render(rows).schema) == columns
    del columns["baselines"]
    assert dict(rows.schema) == columns == dict(FOLD.state)
    assert detections.is_empty()
    assert detections.schema == frame_schema(OUTLIER_DETECTIONS.schema)


def test_views_are_compared_at_the_same_age() -> None:
    # At 60 days they have many times what they had at 30 hours.
    grown = round(1000 * 10 ** (share(1440) - share(30)))
    old = history(8, views=grown, hours=1440)
    assert told([*old, snapshot("new", hours=30, views=1000, published=1500)]) == []
    (hit,) = told([*old, snapshot("hit", hours=30, views=5 * grown, published=1500)])
    assert hit["multiple"] == pytest.approx(5 * grown / 1000, rel=0.1)


def test_of_another_video_only_the_newest_snapshot_counts() -> None:
    events = [one for age in (7, 25, 80) for one in history(6, hours=age)]
    (facts,) = told([*events, snapshot("hit", hours=90, views=10**7)])
    assert facts["baseline_n"] == 6
    kept = state(events)["recent"]
    assert [one["age_s"] for one in kept] == [80 * 3600] * 6


def test_three_times_the_usual_is_no_outlier_where_views_vary_that_much() -> None:
    varied = [
        snapshot(f"v{views}", hours=30, views=views) for views in (4000, 1000, 400, 100, 40, 10)
    ]
    assert told([*varied, snapshot("new", hours=30, views=900)]) == []


def test_an_improbable_one_below_the_multiple_is_no_outlier() -> None:
    events = [*history(40), snapshot("new", hours=30, views=10_000)]
    assert told(events)
    assert told(events, OutlierFold(Rule(11.0, 0.01))) == []
    assert told(events, OutlierFold(Rule(3.0, 1e-9))) == []


@pytest.mark.parametrize(("multiple", "probability"), [(1.0, 0.01), (3.0, 0.0), (3.0, 0.04)])
def test_a_rule_that_makes_no_sense_is_refused(multiple: float, probability: float) -> None:
    with pytest.raises(ValueError, match="multiple above 1"):
        Rule(multiple, probability)


@pytest.mark.parametrize(
    ("earlier", "said"), [(0, []), (1, []), (2, [True]), (4, [True]), (5, [False])]
)
def test_little_history_is_said_and_none_is_silence(earlier: int, said: list[bool]) -> None:
    events = [*history(earlier), snapshot("hit", hours=30, views=10**8)]
    assert [one["insufficient_history"] for one in told(events)] == said


def test_a_doubtful_one_is_confirmed_once_there_is_no_doubt() -> None:
    early, later = snapshot("hit", hours=2, views=10**6), snapshot("hit", hours=8, views=10**7)
    events = [*history(6), early, {**early, "views": 10**6 + 1}, later, {**later, "views": 10**8}]
    first, second = told(events)
    assert (first["too_recent"], second["too_recent"]) == (True, False)
    assert (first["confirms"], second["confirms"]) == (None, first["event_id"])


@pytest.mark.parametrize("other", [{"duration": 180}, {"duration": None}, {"channel": "d"}])
def test_only_the_same_channel_and_format_are_compared(other: dict[str, Any]) -> None:
    facts = {"hours": 30, "views": 10**7, **other}
    assert told([*history(6), snapshot("hit", **facts)]) == []


def test_a_video_becomes_an_outlier_once() -> None:
    events = [snapshot("hit", hours=hours, views=10**7) for hours in (30, 31, 40, 80, 200)]
    assert verdicts([*history(6), *events, dict(events[1])]) == [("hit", "outlier")]


def test_a_recount_takes_it_back_and_new_views_make_it_one_again() -> None:
    counts = [10**6, 1000, 900, 2 * 10**6]
    events = [snapshot("hit", hours=30 + n, views=views) for n, views in enumerate(counts)]
    first, back, again = told([*history(9), *events])
    assert [one["verdict"] for one in (first, back, again)] == ["outlier", "retracted", "outlier"]
    assert (back["retracts"], back["reason"]) == (first["event_id"], "recount")
    assert back["views"] == 1000
    assert len({one["event_id"] for one in (first, back, again)}) == 3


def test_one_that_others_catch_up_with_is_judged_again() -> None:
    first = [*history(6), snapshot("hit", hours=30, views=200_000)]
    others = [snapshot(f"new{n}", hours=35, views=150_000, published=1) for n in range(30)]
    later = snapshot("hit", hours=40, views=220_000)
    found = told([*first, *others, later])
    (back,) = [one for one in found if one["verdict"] == "retracted"]
    assert (back["video_id"], back["reason"]) == ("hit", "rejudged")


def test_between_the_two_limits_it_stays_what_it_is() -> None:
    """A probability between one and five percent makes no outlier, and takes none back."""
    events = history(12)
    wide = OutlierFold(Rule(1.01, 0.03))
    tails = {
        views: one["tail_probability"]
        for views in range(2000, 12_000, 500)
        for one in told([*events, snapshot("x", hours=30, views=views)], wide)
    }
    between = next(views for views, tail in tails.items() if tail > 0.012)
    low, high = (snapshot("x", hours=30 + n, views=v) for n, v in enumerate((between, 10**6)))
    after = {**low, "occurred_at": low["occurred_at"] + dt.timedelta(hours=2)}
    assert verdicts([*events, low]) == []
    assert verdicts([*events, low, high, after]) == [("x", "outlier")]


def test_hidden_counts_are_judged_once_they_show() -> None:
    hidden = snapshot("hit", hours=30, views=None)
    shown = snapshot("hit", hours=31, views=10**7)
    assert verdicts([*history(6), hidden, shown]) == [("hit", "outlier")]
    assert state([hidden])["snapshots"] == 1
    assert state([hidden])["videos"] == []


@pytest.mark.parametrize("hours", [-1, 2160, 5000])
def test_before_publication_and_beyond_ninety_days_nothing_is_judged(hours: float) -> None:
    assert told([*history(6), snapshot("hit", hours=hours, views=10**9)]) == []


def test_a_moved_publication_is_no_new_video_within_the_horizon() -> None:
    events = [*history(6), snapshot("hit", hours=30, views=10**6)]
    near = snapshot("hit", hours=30, views=10**6, published=24 * 20)
    assert len(told([*events, near])) == 1


@pytest.mark.parametrize(("days", "said"), [(170, 2), (364, 2), (368, 1)])
def test_a_video_that_begins_anew_does_not_inherit_its_verdict(days: int, said: int) -> None:
    """What stood for a year is remembered; after that it is final."""
    events = [*history(6), snapshot("hit", hours=30, views=10**6)]
    again = snapshot("hit", hours=6, views=10**6, published=24 * (days - 0.25))
    assert len(told([*events, again])) == 1 + (days > 365)
    usual = {**again, "views": 1000}
    first, *back = told([*events, usual])
    assert len(back) == said - 1
    assert all((o["retracts"], o["reason"]) == (first["event_id"], "recount") for o in back)


def moved(duration: int | None, views: int, hours: float = 40) -> Snapshot:
    return snapshot("hit", hours=hours, views=views, duration=duration)


def test_a_video_whose_length_becomes_known_contributes_where_it_belongs() -> None:
    live = [*history(3, duration=None), moved(None, 900, 30), moved(600, 1000), moved(600, 1000)]
    kept = [(o["format"], o["video_id"], o["gone"]) for o in state(live)["recent"]]
    assert kept == [
        ("long", "hit", False), *[("unknown", f"old{n}", False) for n in range(3)],
        ("unknown", "hit", True),
    ]  # fmt: skip
    # It is one of the five that make history sufficient there, and none of those left behind.
    for duration, others, doubtful in ((600, 4, False), (None, 1, True)):
        more = [snapshot(f"new{n}", hours=50, views=1000, duration=duration) for n in range(others)]
        (facts,) = told([*live, *more, snapshot("x", hours=60, views=10**7, duration=duration)])
        assert (facts["insufficient_history"], facts["baseline_n"]) == (doubtful, 5 - doubtful)


def test_an_outlier_of_unknown_format_is_taken_back_where_nothing_is_usual_yet() -> None:
    events = [*history(6, duration=None), moved(None, 10**6, 30)]
    first, back = told([*events, moved(600, 10**6 + 1)])
    assert (back["verdict"], back["retracts"]) == ("retracted", first["event_id"])
    assert (back["format"], back["baseline_n"], back["reason"]) == ("long", 0, "rejudged")
    figures = [value for value in back.values() if isinstance(value, float)]
    assert all(map(math.isfinite, figures))
    # Where it is one among long videos as well, the verdict goes on.
    long = [snapshot(f"long{n}", hours=30, views=1000) for n in range(6)]
    assert len(told([*long, *events, moved(600, 10**6 + 1)])) == 1


def test_a_day_is_one_test_whatever_the_format() -> None:
    long = [snapshot(f"long{n}", hours=30, views=1000) for n in range(6)]
    once = [*history(6, duration=None), *long, moved(None, 1000, 30)]
    # Two of each format had nobody to be compared with.
    assert [one["tests"] for one in state(once)["days"]] == [9]
    assert [one["tests"] for one in state([*once, moved(600, 1000, 31)])["days"]] == [9]


def test_hopelessly_late_snapshots_are_counted_and_not_judged() -> None:
    now = snapshot("new", hours=30, views=1000, published=24 * 200)
    late = snapshot("hit", hours=30, views=10**7, published=24 * 1)
    events = [*history(6, published=24 * 150), now, late]
    assert told(events) == []
    assert state(events)["snapshots"] == 8


def test_a_late_snapshot_is_judged_when_it_comes() -> None:
    late = snapshot("hit", hours=30, views=10**7, published=24 * 100)
    assert verdicts([*history(6, published=24 * 110), late]) == [("hit", "outlier")]


def test_videos_are_remembered_for_the_horizon() -> None:
    after = snapshot("new", hours=30, views=1000, published=24 * 130)
    assert [one["video_id"] for one in state([*history(6), after])["videos"]] == ["new"]
    assert len(state([*history(6), after])["recent"]) == 7


def test_days_count_each_video_once_and_outliers_not_at_all() -> None:
    events = history(6)
    hit = [snapshot("hit", hours=h, views=10**6) for h in (30, 31, 60)]
    days = state([*events, hit[0], hit[1], hit[2], dict(events[3])])["days"]
    # The first two of the six had nobody to be compared with; one of them comes a second time. On
    # the next day the hit is an outlier when it begins.
    assert [(one["day"], one["tests"]) for one in days] == [(DAY_0 + dt.timedelta(days=1), 5)]


def test_days_leave_the_row_after_a_week() -> None:
    days = [
        one
        for day in range(12)
        for n in range(3)
        for one in [snapshot(f"v{day}-{n}", hours=12, views=1000, published=24 * day)]
    ]
    row = state(days)
    kept = row["days"]
    assert row["tests_gone"] == 4 * 3 - 2  # the first two had nobody to be compared with
    assert [one["day"] for one in kept] == [DAY_0 + dt.timedelta(days=n) for n in range(4, 12)]
    assert [one["tests"] for one in kept] == [3] * 8


def test_baselines_say_what_is_usual_at_some_ages() -> None:
    rows = FOLD.render(folded(history(9)).rows)
    entries = rows["baselines"][0].to_list()
    assert [(one["format"], one["age_from_h"], one["n"]) for one in entries] == [
        ("long", age, 9) for age in (24, 72, 168, 720)
    ]
    medians = [one["median_log10_views"] for one in entries]
    assert medians == sorted(medians)
    assert medians[0] == pytest.approx(3 + share(24) - share(30), abs=0.03)
    first = entries[0]
    quartile = stats.t.ppf(0.75, first["df"])
    assert first["mad_log10_views"] == pytest.approx(first["scale_log10"] * quartile)


def test_a_row_of_the_old_detector_begins_empty() -> None:
    """Its lists are null in the new fields; what it counted stays."""
    old = pl.DataFrame([{"channel_id": "c", "as_of": DAY_0, "snapshots": 7}], schema=FOLD.state)
    _, events = numbered(frame([snapshot("v", hours=30, views=10)]), "channel_id")
    (row,) = FOLD(old, events).rows.rows(named=True)
    assert row["snapshots"] == 8
    assert [one["video_id"] for one in row["recent"]] == ["v"]
