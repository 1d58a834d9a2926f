"""Folds give the same rows in any order that their rules allow."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import polars as pl
import pytest

from projections.channels import fold_baselines
from projections.jobs import fold_events
from projections.observations import fold_expiries
from projections.outliers import fold_detections
from projections.predictions import fold_events as fold_predictions
from projections.videos import fold_snapshots, fold_uploads
from projections.virality import VIRALITY, fold_scores
from schemas.catalogue import (
    EXPIRIES,
    GENERATION_EVENTS,
    OUTLIER_BASELINES,
    OUTLIER_DETECTIONS,
    VIDEO_UPLOADS,
    VIRALITY_PREDICTIONS,
    VIRALITY_SCORES,
)
from schemas.expiries import data_expired
from schemas.frames import COORDINATES
from tests.unit.projections.frames import START, frame, snapshots


def test_of_snapshots_of_one_instant_the_later_in_the_log_counts() -> None:
    events = snapshots([("a", 5, 50), ("a", 2, 20), ("b", 1, 7), ("b", 1, 8)])
    rows = fold_snapshots(events)["observations"]
    assert rows.select("video_id", "views", "applied_offset").rows() == [
        ("a", 20, 1),
        ("a", 50, 0),
        ("b", 8, 3),
    ]


def test_hidden_counts_of_a_snapshot_stay_hidden() -> None:
    rows = fold_snapshots(snapshots([("a", 1, 10), ("a", 2, None)]))
    assert rows["observations"]["views"].to_list() == [10, None]


def test_of_expiries_the_latest_counts() -> None:
    events = [data_expired(START + dt.timedelta(days=days)) for days in (1, 3, 2)]
    rows = fold_expiries(frame(EXPIRIES, events))["expiries"]
    assert rows["before"].to_list() == [START + dt.timedelta(days=3)]


def test_of_uploads_the_newest_by_time_counts() -> None:
    events = [
        {
            "video_id": "a",
            "title": title,
            "occurred_at": START + dt.timedelta(hours=hours),
            "tags": [],
        }
        for title, hours in (("new", 2), ("old", 1))
    ]
    assert fold_uploads(frame(VIDEO_UPLOADS, events))["uploads"]["title"].to_list() == ["new"]


def test_of_baselines_the_one_that_has_seen_most_counts_without_its_working_state() -> None:
    def baseline(form: str, age: int) -> dict[str, Any]:
        figures = {"n": 3, "median_log10_views": 2.0, "mad_log10_views": 0.5, "recent": [2.0]}
        return {"format": form, "age_from_h": age, **figures}

    events = [
        {
            "channel_id": "c",
            "as_of": START,
            "snapshots": applied,
            "baselines": baselines,
            "applied_offset": applied,
        }
        for applied, baselines in (
            (9, [baseline("short", 6), baseline("long", 24), baseline("long", 0)]),
            (4, []),
        )
    ]
    row = fold_baselines(frame(OUTLIER_BASELINES, events))["baselines"].row(0, named=True)
    assert row["baseline_applied_offset"] == 9
    kept = json.loads(row["baselines"])
    assert [(one["format"], one["age_from_h"]) for one in kept] == [
        ("long", 0),
        ("long", 24),
        ("short", 6),
    ]
    assert set(kept[0]) == {
        "format",
        "age_from_h",
        "n",
        "median_log10_views",
        "mad_log10_views",
        "scale_log10",
        "df",
    }


def test_channel_without_baselines_has_an_empty_array() -> None:
    events = [
        {
            "channel_id": "c",
            "as_of": START,
            "snapshots": 1,
            "baselines": [],
            "applied_offset": 1,
        }
    ]
    assert fold_baselines(frame(OUTLIER_BASELINES, events))["baselines"]["baselines"].item() == "[]"


def _score(video: str, minutes: float, applied: int, views_1h: float = 1.0) -> dict[str, Any]:
    return {
        "video_id": video,
        "as_of": START + dt.timedelta(minutes=minutes),
        "applied_offset": applied,
        "views": applied,
        "views_1h": views_1h,
        "reasons": [],
    }


def test_a_score_written_late_by_a_sleeping_worker_does_not_win() -> None:
    rows = fold_scores(frame(VIRALITY_SCORES, [_score("a", 2, 20), _score("a", 1, 10)]))
    assert rows["scores"].select("views", "log_offset").rows() == [(20, 0)]


def test_the_viewers_number_is_kept_and_their_sketch_is_not_even_read() -> None:
    [source] = VIRALITY.sources
    assert source.columns is not None
    assert "viewers" not in source.columns
    events = frame(VIRALITY_SCORES, [_score("a", 1, 10) | {"unique_viewers": 7}])
    rows = fold_scores(events.select(*source.columns, *COORDINATES))["scores"]
    assert rows.select("unique_viewers").rows() == [(7,)]
    assert "viewers" not in rows.columns


def test_history_keeps_one_score_a_minute() -> None:
    events = [_score("a", 0.1, 1), _score("a", 0.9, 2), _score("a", 1.5, 3)]
    assert fold_scores(frame(VIRALITY_SCORES, events))["history"]["views"].to_list() == [2, 3]


def test_ranks_order_videos_as_their_decayed_views_do_at_any_later_instant() -> None:
    events = [_score("a", 0, 1, 100.0), _score("b", 60, 2, 50.0), _score("c", 60, 3, 0.0)]
    ranks = dict(
        fold_scores(frame(VIRALITY_SCORES, events))["scores"].select("video_id", "rank_1h").rows()
    )
    now = START.timestamp() + 7200
    assert math.exp(ranks["a"] - now / 3600) == pytest.approx(100 * math.exp(-2))
    assert math.exp(ranks["b"] - now / 3600) == pytest.approx(50 * math.exp(-1))
    assert ranks["c"] is None


def test_a_detection_and_what_takes_it_back_are_kept_apart_and_once() -> None:
    events = [
        {"video_id": "a", "event_id": "x", "verdict": "outlier", "views": 9, "occurred_at": START},
        {"video_id": "b", "event_id": "x", "verdict": None, "views": 8, "occurred_at": START},
        {"video_id": "a", "event_id": "y", "verdict": "retracted", "retracts": "x", "views": 7},
        {"video_id": "a", "event_id": "x", "verdict": "outlier", "views": 1, "occurred_at": START},
    ]
    rows = fold_detections(frame(OUTLIER_DETECTIONS, events))
    found = rows["detections"].select("video_id", "event_id", "views", "day").rows()
    assert sorted(found) == [("a", "x", 9, START.date()), ("b", "x", 8, START.date())]
    assert rows["retractions"].select("video_id", "retracts", "views").rows() == [("a", "x", 7)]


def test_of_a_days_tests_the_furthest_row_that_knows_the_day_counts() -> None:
    def at(day: int, tests: int) -> dict[str, Any]:
        return {"day": START + dt.timedelta(days=day), "tests": tests}

    def row(channel: str, offset: int, as_of: int, gone: int, *days: dict[str, Any]) -> Any:
        when = START + dt.timedelta(days=as_of, hours=3)
        facts = {"applied_offset": offset, "as_of": when, "tests_gone": gone, "days": list(days)}
        return {"channel_id": channel, **facts}

    events = [
        row("c", 5, 7, 2, at(0, 3), at(1, 1)),
        row("c", 9, 8, 5, at(1, 4), at(6, 1)),  # forgot the first day
        row("c", 7, 7, 2, at(0, 3), at(1, 2)),
        row("d", 1, 9, 6),
    ]
    rows = fold_baselines(frame(OUTLIER_BASELINES, events))["tests"]
    found = rows.select("channel_id", "day", "tests", "earlier", "applied_offset").sort(
        "channel_id", "day"
    )
    assert found.rows() == [
        ("c", START.date(), 3, 2, 7),
        ("c", at(1, 0)["day"].date(), 4, 5, 9),
        ("c", at(6, 0)["day"].date(), 1, 9, 9),
        ("d", at(2, 0)["day"].date(), 0, 6, 1),  # no tests, but it says that there were some
    ]


def _story(*kinds: tuple[str, dict[str, Any]]) -> pl.DataFrame:
    return frame(
        GENERATION_EVENTS,
        (
            {
                "_type": kind,
                "event_id": f"e{version}",
                "job_id": "j",
                "version": version,
                "occurred_at": START + dt.timedelta(seconds=version),
                **facts,
            }
            for version, (kind, facts) in enumerate(kinds, start=1)
        ),
    )


STORY = (
    ("JobQueued", {"prompt": "a cat", "quality": "low", "priority": "high"}),
    ("AttemptStarted", {"attempt": 1, "worker": "w", "fencing_token": "secret"}),
    ("Progressed", {"attempt": 1, "percent": 40.0, "step": "frames"}),
    ("AttemptFailed", {"attempt": 1, "error": "no disk", "retryable": True}),
    ("RetryScheduled", {"attempt": 2, "retry_at": START, "delay_s": 1.0}),
    ("AttemptStarted", {"attempt": 2, "worker": "w", "fencing_token": "secret"}),
    ("Completed", {"attempt": 2, "artifact": "a.mp4", "bytes": 5}),
)


@pytest.mark.parametrize(
    ("length", "status", "attempts", "percent"),
    [
        (1, "queued", None, None),
        (2, "processing", 1, 0.0),
        (3, "processing", 1, 40.0),
        (4, "processing", 1, 40.0),
        (5, "queued", 2, 40.0),
        (6, "processing", 2, 0.0),
        (7, "completed", 2, 100.0),
    ],
)
def test_a_jobs_row_follows_its_story(
    length: int, status: str, attempts: int | None, percent: float | None
) -> None:
    said = fold_events(_story(*STORY[:length]))["jobs"]
    job = said.select(pl.all().drop_nulls().last()).row(0, named=True)  # as the upsert takes it
    assert (job["version"], job["status"]) == (length, status)
    assert (job["attempts"], job["percent"]) == (attempts, percent)
    assert job["prompt"] == "a cat"


def test_the_story_is_kept_event_by_event_without_the_fencing_token() -> None:
    events = fold_events(_story(*STORY))["events"]
    assert events["type"].to_list() == [kind for kind, _ in STORY]
    assert json.loads(events["body"][1]) == {"attempt": 1, "worker": "w"}
    assert "secret" not in "".join(events["body"])


def _made(title: str, hours: float = 0) -> dict[str, Any]:
    return {
        "_type": "PredictionMade",
        "prediction_id": "p",
        "occurred_at": START + dt.timedelta(hours=hours),
        "title": title,
    }


def _told(views: int, hours: float, source: str) -> dict[str, Any]:
    return {
        "_type": "ActualObserved",
        "prediction_id": "p",
        "occurred_at": START + dt.timedelta(hours=hours),
        "actual_views": views,
        "source": source,
    }


def test_a_prediction_that_comes_again_is_the_first_one() -> None:
    rows = fold_predictions(frame(VIRALITY_PREDICTIONS, [_made("first", 2), _made("again", 1)]))
    assert rows["predictions"]["title"].to_list() == ["first"]
    assert rows["actuals"].is_empty()


def test_of_actuals_the_newest_of_each_source_counts_also_before_their_prediction() -> None:
    events = [
        _told(30, 3, "given"),
        _told(20, 2, "given"),
        _told(7, 1, "observed"),
        _told(9, 1, "observed"),
        _made("late"),
        _told(31, 3, "somebody"),  # nobody in the log has observed it
    ]
    rows = fold_predictions(frame(VIRALITY_PREDICTIONS, events))
    assert rows["actuals"].select("source", "actual_views").rows() == [
        ("given", 31),
        ("observed", 9),
    ]
    assert rows["predictions"]["prediction_id"].to_list() == ["p"]


def _shadowed(views: float, model: str, prediction: str = "p") -> dict[str, Any]:
    return {
        "_type": "PredictionShadowed",
        "prediction_id": prediction,
        "occurred_at": START,
        "model_version": model,
        "predicted_views": views,
        "lower": 1.0,
        "upper": 9.0,
    }


def test_of_each_shadow_the_first_word_on_a_prediction_counts_and_is_no_prediction() -> None:
    events = [_shadowed(2, "a"), _shadowed(3, "b"), _made("one"), _shadowed(4, "a")]
    rows = fold_predictions(frame(VIRALITY_PREDICTIONS, events))
    assert rows["shadows"].select("model_version", "predicted_views").rows() == [
        ("a", 2.0),
        ("b", 3.0),
    ]
    assert rows["predictions"].height == 1
    assert rows["actuals"].is_empty()
