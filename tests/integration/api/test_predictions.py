"""Predictions: documented requests, what counts and what does not, the log, the tables."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import polars as pl
import pytest

from infra.cli import models
from schemas.catalogue import VIDEO_SNAPSHOTS, VIRALITY_PREDICTIONS
from schemas.publisher import Position
from tests.integration.api.conftest import KEY, Api, moment, stored_events
from tests.integration.api.stand_in import StandIn
from tests.integration.api.test_reads import snapshot

Make = Callable[[str], str]

DOCUMENTED = {"title": "Test Video", "duration": 300, "upload_date": "2024-01-15"}


def predict(api: Api, status: int = 200, **facts: Any) -> dict[str, Any]:
    answer = api.client.post("/api/v1/predict", json={**DOCUMENTED, **facts})
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def guess(body: dict[str, Any]) -> dict[str, Any]:
    """What two answers to one request have in common."""
    passing = ("prediction_id", "timestamp", "processing_time")
    return {name: value for name, value in body.items() if name not in passing}


def test_the_documented_request_is_answered_as_documented(api: Api) -> None:
    answer = api.stranger.post(
        "/api/v1/predict", json=DOCUMENTED, headers={"Authorization": f"Bearer {KEY}"}
    )
    assert answer.status_code == 200
    body = answer.json()
    assert body["predicted_views"] == 60_000
    assert (body["confidence_lower"], body["confidence_upper"]) == (30_000, 120_000)
    assert body["confidence_range"] == "30,000 - 120,000"
    assert body["prediction_quality"] == "Medium"  # the band is narrow, but nothing is known
    assert "25 % chance of the top tenth of its category's videos" in body["expected_performance"]
    assert body["key_factors"] == ["300 s long"]
    assert body["recommendations"] == ["make it longer"]
    assert 0 < body["processing_time"] < 30
    assert (body["horizon"], body["stage"], body["score"]) == ("7d", "before", 25)
    assert body["model_version"] == "stand-in-1"
    assert body["horizons"]["30d"]["predicted_views"] == 90_000
    assert body["ignored"] == []
    assert answer.headers["X-Event-Position"].startswith("virality.predictions.v1/")


def test_a_documented_validation_error_is_400(api: Api) -> None:
    body = predict(api, 400, title="")
    assert "validation error" in body["detail"].lower()
    assert body["error_code"] == "VALIDATION_ERROR"
    assert body["details"]["errors"][0]["path"] == "body.title"
    assert {"error", "error_code", "details", "timestamp", "request_id"} <= body.keys()


@pytest.mark.parametrize(
    ("facts", "path"),
    [
        ({"title": "x" * 201}, "title"),
        ({"title": "  "}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"duration": 0}, "duration"),
        ({"duration": 7201}, "duration"),
        ({"duration": "long"}, "duration"),
        ({"upload_date": "15.01.2024"}, "upload_date"),
        ({"upload_date": "2024-02-30"}, "upload_date"),
        ({"upload_date": "2024-01-15T10:00:00"}, "upload_date"),
        ({"upload_date": 1705276800}, "upload_date"),
        ({"upload_date": "1999-01-01"}, "upload_date"),
        ({"upload_time": "25:00"}, "upload_time"),
        ({"description": "x" * 5001}, "description"),
        ({"like_count": -1}, "like_count"),
        ({"horizon": "2d"}, "horizon"),
        ({"tags": [1]}, "tags"),
        ({"view_count": 5, "observed_at": "2999-01-01T00:00:00Z"}, "observed_at"),
        ({"view_count": 5, "observed_at": "2024-04-15T00:00:00Z"}, "observed_at"),
        ({"view_count": 5, "observed_at": "2024-01-25T00:00Z", "horizon": "7d"}, "horizon"),
    ],
)
def test_what_does_not_fit_is_400_with_its_path(api: Api, facts: dict[str, Any], path: str) -> None:
    body = predict(api, 400, **facts)
    assert path in body["details"]["errors"][0]["path"]
    assert "validation error" in body["detail"]


@pytest.mark.parametrize("tags", ["a, b ,,c", ["a", "b", "c"]])
def test_limits_are_within(api: Api, tags: Any) -> None:
    predict(api, title="x" * 200, duration=7200, description="y" * 5000, tags=tags)
    predict(api, title="x", duration=1)


def test_likes_before_publication_change_nothing_and_the_answer_says_so(api: Api) -> None:
    plain = predict(api)
    for likes in (0, 10, 1_000_000):
        liked = predict(api, like_count=likes, dislike_count=3, comment_count=likes)
        assert liked["ignored"] == ["like_count", "comment_count", "dislike_count"]
        assert "before publication" in " ".join(liked["notes"])
        changed = {"ignored", "notes"}
        assert {k: v for k, v in guess(liked).items() if k not in changed} == {
            k: v for k, v in guess(plain).items() if k not in changed
        }
    assert predict(api, colour="red")["ignored"] == ["colour"]


def test_counts_after_publication_enter_with_their_time(api: Api) -> None:
    seen = {"view_count": 500, "like_count": 2, "upload_time": "10:00"}
    body = predict(api, **seen, observed_at="2024-01-15T16:00:00Z")
    assert (body["stage"], body["ignored"]) == ("after", [])
    assert body["predicted_views"] == 2 * (30_000 + 500 + 2_000)
    early = predict(api, **seen, observed_at="2024-01-15T09:59:00Z")
    assert early["stage"] == "before"
    assert early["ignored"] == ["view_count", "like_count", "observed_at"]
    late = predict(api, **seen, observed_at="2024-01-25T16:00:00+02:00")
    assert (late["horizon"], list(late["horizons"])) == ("30d", ["30d"])
    assert any("7d have passed" in note for note in late["notes"])


def test_a_channel_s_history_counts_as_of_the_moment(api: Api, unique: Make) -> None:
    channel, video = unique("channel"), unique("video")
    day = 86_400
    api.fold(
        "videos",
        VIDEO_SNAPSHOTS,
        snapshot(unique("old"), channel, 100, 4 * day, published_at=moment(9 * day)),
        snapshot(unique("hidden"), channel, None, 4 * day, published_at=moment(8 * day)),
        snapshot(f"{channel}-x", channel, 7, 4 * day, published_at=moment(6 * day)),
        snapshot(f"{channel}-x", channel, 9, 1 * day, published_at=moment(6 * day)),
        snapshot(video, channel, 40, 1 * day, published_at=moment(2 * day), likes=0),
        snapshot(video, channel, 50, day / 2, published_at=moment(2 * day), likes=0),
    )
    coming = {"upload_date": f"{moment(-5 * day):%Y-%m-%d}", "duration": 1}
    body = predict(api, **coming, channel_id=channel)
    assert body["predicted_views"] == 2 * (100 + 10 * (100 + 9 + 50))
    assert body["prediction_quality"] == "Medium" or body["prediction_quality"] == "High"
    assert "channel's videos" in body["expected_performance"]
    assert guess(predict(api, **coming, channel_id=channel)) == guess(body)
    then = {"upload_date": f"{moment(2 * day):%Y-%m-%d}", "upload_time": "00:00", "duration": 1}
    assert predict(api, **then, channel_id=channel)["predicted_views"] == 2 * (100 + 10 * 107)
    known = predict(api, **then | {"upload_time": None}, video_id=video)
    assert known["stage"] == "after"
    assert known["predicted_views"] == 2 * (100 + 10 * (100 + 9) + 40 + 50)


def test_a_batch_answers_each_item_in_its_place(api: Api) -> None:
    items = [{**DOCUMENTED, "duration": n} for n in range(1, 1001)]
    items[3] = {"title": "no date", "duration": 5}
    items[7] = "no object"  # type: ignore[call-overload]
    items[9] = {**DOCUMENTED, "view_count": 1, "observed_at": "2999-01-01T00:00:00Z"}
    answer = api.client.post("/api/v1/predict/batch", json=items)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["total"], body["succeeded"], body["failed"]) == (1000, 997, 3)
    assert [one["index"] for one in body["results"]] == list(range(1000))
    assert [one["index"] for one in body["results"] if one["error"]] == [3, 7, 9]
    assert body["results"][3]["error"]["details"]["errors"][0]["path"] == "upload_date"
    good = [one["prediction"] for one in body["results"] if one["prediction"]]
    assert len({one["prediction_id"] for one in good}) == 997
    assert all(
        one["prediction"]["predicted_views"] == 200 * (one["index"] + 1)
        for one in body["results"]
        if one["prediction"]
    )
    wrapped = api.client.post("/api/v1/predict/batch", json={"videos": items[:1]}).json()
    assert guess(wrapped["results"][0]["prediction"]) == guess(good[0])
    none_good = api.client.post("/api/v1/predict/batch", json=[{}])
    assert (none_good.status_code, none_good.json()["failed"]) == (200, 1)


@pytest.mark.parametrize("body", [[], [DOCUMENTED] * 1001, {"videos": None}, "x"])
def test_a_batch_has_1_to_1000_items(api: Api, body: Any) -> None:
    answer = api.client.post("/api/v1/predict/batch", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "VALIDATION_ERROR")


def test_a_model_that_fails_at_one_item_fails_at_no_other(api: Api) -> None:
    answer = api.client.post("/api/v1/predict", json={**DOCUMENTED, "title": "bad"})
    assert (answer.status_code, answer.json()["error_code"]) == (500, "PREDICTION_FAILED")
    both = [{**DOCUMENTED, "title": "bad"}, DOCUMENTED]
    body = api.client.post("/api/v1/predict/batch", json=both).json()
    assert [one["error"] is None for one in body["results"]] == [False, True]
    assert body["results"][0]["error"]["error_code"] == "PREDICTION_FAILED"


def test_a_prediction_is_in_the_log_before_it_is_answered(api: Api, unique: Make) -> None:
    video = unique("video")
    answer = api.client.post(
        "/api/v1/predict",
        json={**DOCUMENTED, "video_id": video, "like_count": 3, "category": "Music"},
        headers={"X-User-ID": "anna"},
    )
    [event] = stored_events(api, answer.headers["X-Event-Position"])
    body = answer.json()
    assert event["prediction_id"] == body["prediction_id"]
    assert (event["user_id"], event["video_id"], event["category"]) == ("anna", video, "Music")
    assert (event["predicted_views"], event["lower"], event["upper"]) == (6e4, 3e4, 12e4)
    assert (event["horizon_h"], event["score"], event["stage"]) == (168, 25, "before")
    assert event["due_at"] == dt.datetime(2024, 1, 22, 12, tzinfo=dt.UTC)
    assert event["request"] == (
        '{"category":"Music","duration":300,"like_count":3,"title":"Test Video",'
        f'"upload_date":"2024-01-15","video_id":"{video}"}}'
    )


def test_the_same_key_of_the_same_user_is_the_same_prediction(api: Api, unique: Make) -> None:
    key = unique("key")

    def ask(user: str) -> str:
        headers = {"X-User-ID": user, "Idempotency-Key": key}
        answer = api.client.post("/api/v1/predict", json=DOCUMENTED, headers=headers)
        return str(answer.json()["prediction_id"])

    assert ask("anna") == ask("anna") != ask("ben")


def made(api: Api, user: str, category: str | None, ago: float, **facts: Any) -> str:
    """A prediction in the tables."""
    identity = f"{user}-{category}-{ago}"
    event = {
        "_type": "PredictionMade",
        "event_id": identity,
        "occurred_at": moment(ago),
        "prediction_id": identity,
        "title": "t",
        "category": category,
        "request": "{}",
        "predicted_views": 100.0,
        "lower": 50.0,
        "upper": 200.0,
        "model_version": "m1",
        "user_id": user,
        "horizon_h": 168.0,
        "score": 40.0,
        "stage": "before",
        **facts,
    }
    api.fold("predictions", VIRALITY_PREDICTIONS, event)
    return identity


def actual(api: Api, prediction: str, views: int, source: str = "given") -> None:
    event = {
        "_type": "ActualObserved",
        "event_id": f"{prediction}-{views}-{source}",
        "occurred_at": moment(),
        "prediction_id": prediction,
        "actual_views": views,
        "source": source,
    }
    api.fold("predictions", VIRALITY_PREDICTIONS, event)


def get(api: Api, path: str, user: str, **parameters: Any) -> dict[str, Any]:
    answer = api.client.get(f"/api/v1{path}", params=parameters, headers={"X-User-ID": user})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_predictions_are_listed_in_pages_with_right_totals(api: Api, unique: Make) -> None:
    user = unique("user")
    day = 86_400
    ids = [made(api, user, "Music" if n % 2 else "Gaming", n * day) for n in range(5)]
    first = get(api, "/predictions", user, page=1, limit=2)
    assert [one["prediction_id"] for one in first["items"]] == ids[:2]
    assert (first["total"], first["pages"], first["page"], first["limit"]) == (5, 3, 1, 2)
    last = get(api, "/predictions", user, page=3, limit=2)
    assert [one["prediction_id"] for one in last["items"]] == ids[4:]
    assert get(api, "/predictions", user, page=4, limit=2)["items"] == []
    assert get(api, "/predictions", user, category="Music")["total"] == 2
    since = {"date_from": f"{moment(3 * day):%Y-%m-%d}", "date_to": f"{moment(2 * day):%Y-%m-%d}"}
    found = get(api, "/predictions", user, **since)
    assert [one["prediction_id"] for one in found["items"]] == ids[2:4]
    assert found["total"] == 2
    assert get(api, "/predictions", unique("nobody"))["total"] == 0
    everybody = api.client.get("/api/v1/predictions").json()
    assert everybody["total"] >= 5
    for wrong in ({"limit": 101}, {"limit": 0}, {"page": 0}, {"date_from": "soon"}):
        assert api.client.get("/api/v1/predictions", params=wrong).status_code == 400


def test_actuals_move_accuracy_and_coverage(api: Api, unique: Make) -> None:
    user = unique("user")
    ids = [made(api, user, "Music", n) for n in range(4)]
    old = made(api, user, "Old", 40 * 86_400, score=None, stage=None)
    before = get(api, "/analytics/dashboard", user)
    assert (before["predictions"], before["with_actuals"]) == (4, 0)
    assert (before["accuracy"], before["coverage"]) == (None, None)
    actual(api, ids[0], 100)  # 1, inside
    actual(api, ids[1], 200)  # 0.5, inside
    actual(api, ids[2], 10)  # 0, outside
    actual(api, ids[2], 100, "observed")  # what was given counts
    actual(api, old, 50)
    now = get(api, "/analytics/dashboard", user)
    assert now["with_actuals"] == 3
    assert now["accuracy"] == pytest.approx(0.5)
    assert now["median_accuracy"] == pytest.approx(0.5)
    assert now["coverage"] == pytest.approx(2 / 3)
    assert now["median_band"] == pytest.approx(4)
    assert (now["given_actuals"], now["observed_actuals"]) == (3, 0)
    assert [(one["name"], one["predictions"]) for one in now["models"]] == [("m1", 4)]
    year = get(api, "/analytics/categories", user, time_range="1y")
    assert [(one["name"], one["with_actuals"]) for one in year["items"]] == [
        ("Music", 3),
        ("Old", 1),
    ]
    assert year["items"][1]["accuracy"] == 0
    days = get(api, "/analytics/trends", user, time_range="7d")["items"]
    assert len(days) == 8
    assert sum(day["predictions"] for day in days) == 4
    listed = get(api, "/predictions", user, category="Old")["items"][0]
    assert (listed["accuracy"], listed["within_range"], listed["horizon"]) == (0, True, "7d")
    assert get(api, "/analytics/dashboard", unique("nobody"))["predictions"] == 0
    wrong = api.client.get("/api/v1/analytics/dashboard?time_range=2d")
    assert wrong.status_code == 400


def test_what_became_of_a_prediction_is_saved_in_the_log(api: Api, unique: Make) -> None:
    identity = made(api, unique("user"), "Music", 0)
    body = {"prediction_id": identity, "actual_views": 80, "feedback": "close"}
    answer = api.client.post("/api/v1/analytics/save", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["accuracy"] == pytest.approx(0.75)
    assert answer.json()["within_range"] is True
    [event] = stored_events(api, answer.headers["X-Event-Position"])
    assert (event["_type"], event["actual_views"], event["feedback"], event["source"]) == (
        "ActualObserved",
        80,
        "close",
        "given",
    )


def test_an_actual_of_no_prediction_is_404(api: Api) -> None:
    for identity in ("none", "6f1f2f5e-6d53-4d5c-9a0e-0b8d6d5b7a10"):
        body = {"prediction_id": identity, "actual_views": 1}
        assert api.client.post("/api/v1/analytics/save", json=body).status_code == 404
        assert api.client.get(f"/api/v1/predictions/{identity}").status_code == 404
    negative = {"prediction_id": "x", "actual_views": -1}
    assert api.client.post("/api/v1/analytics/save", json=negative).status_code == 400


def test_predicting_takes_the_key(api: Api) -> None:
    assert api.stranger.post("/api/v1/predict", json=DOCUMENTED).status_code == 401
    headers = {"Authorization": "Bearer wrong"}
    wrong = api.stranger.post("/api/v1/predict", json=DOCUMENTED, headers=headers)
    assert wrong.status_code == 403


def test_health_is_open_and_its_figures_are_real(api: Api) -> None:
    body = api.stranger.get("/api/v1/health").json()
    assert body["status"] == "healthy"
    assert body["components"] == {"database": "healthy", "models": "healthy"}
    assert 0 < float(body["metrics"]["memory_usage"].rstrip("%")) < 100
    assert api.stranger.get("/api/v1/health/detailed").status_code == 401
    details = api.client.get("/api/v1/health/detailed").json()
    assert details["components"]["models"]["model_version"] == "stand-in-1"
    assert details["components"]["database"]["latency_ms"] > 0
    assert details["memory"]["process_rss"] > 10_000_000
    assert details["cpu"]["cores"] >= 1


def test_the_model_says_what_it_is(api: Api) -> None:
    info = api.client.get("/api/v1/models/info").json()
    assert (info["model_version"], info["source"]) == ("stand-in-1", "registry")
    assert info["metrics"] == {"mae": 0.2}
    assert {"name", "unit", "source", "available_at", "about"} == info["features"][0].keys()
    health = api.client.get("/api/v1/models/health").json()
    assert (health["status"], health["loaded"]) == ("healthy", True)
    assert health["forecasts"] >= 1


def test_a_model_that_does_not_predict_is_unwell(api: Api, monkeypatch: Any) -> None:
    def away(moments: Any) -> Any:
        raise OSError

    monkeypatch.setattr(api.models.model, "forecast", away)
    for path in ("/api/v1/models/health", "/api/v1/health", "/health/detailed"):
        answer: httpx.Response = api.client.get(path)
        assert answer.status_code == 503, path
    assert answer.json()["details"]["components"]["models"]["status"] == "down"
    assert api.client.get("/health").json() == {"status": "alive"}


class Beside(StandIn):
    """The shadow: it expects half of what the other does."""

    version = "beside-1"

    def forecast(self, moments: pl.DataFrame) -> pl.DataFrame:
        return super().forecast(moments).with_columns(pl.selectors.starts_with("predicted") / 2)


@pytest.fixture
def beside(api: Api) -> Iterator[Beside]:
    api.models.beside = Beside()
    yield api.models.beside
    api.models.beside = None


def scored(api: Api) -> dict[str, int]:
    found: dict[str, int] = api.client.get("/api/v1/models/shadow").json()["this_process"]
    return found


def after(api: Api, position: str) -> Iterator[dict[str, Any]]:
    """What stands behind a position: a prediction is its key, so a word on it does."""
    where = Position.parse(position)
    for offset in itertools.count(where.offset + 1):
        yield from stored_events(api, f"{where.topic}/{where.partition}/{offset}")


def test_a_shadow_s_word_is_in_the_log_behind_the_answer(api: Api, beside: Beside) -> None:
    before = scored(api)
    answer = api.client.post("/api/v1/predict", json=DOCUMENTED)
    assert answer.json()["predicted_views"] == 60_000  # of the one that serves
    deadline = time.monotonic() + 120
    while scored(api)["scored"] == before["scored"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    later = next(
        event
        for event in after(api, answer.headers["X-Event-Position"])
        if event["prediction_id"] == answer.json()["prediction_id"]
    )
    assert later["_type"] == "PredictionShadowed"
    assert (later["model_version"], later["predicted_views"]) == ("beside-1", 30_000)

    def away(moments: Any) -> Any:
        raise OSError("its machine code is gone")

    beside.forecast = away  # type: ignore[method-assign]
    assert api.client.post("/api/v1/predict", json=DOCUMENTED).status_code == 200


def test_how_a_shadow_does_is_told_beside_the_one_that_served(
    api: Api, beside: Beside, unique: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    user, version = unique("user"), unique("shadow")
    ids = [made(api, user, "Music", n, video_id=f"{user}-{n}") for n in range(60)]
    forecasts = [
        {
            "_type": "PredictionShadowed",
            "event_id": f"{identity}-shadow",
            "occurred_at": moment(),
            "prediction_id": identity,
            "predicted_views": 1_000.0,
            "lower": 500.0,
            "upper": 2_000.0,
            "model_version": version,
            # Of another age it is another question.
            "horizon_h": 24.0 if identity == ids[0] else 168.0,
        }
        for identity in ids
    ]
    api.fold("predictions", VIRALITY_PREDICTIONS, *forecasts)
    asked = "/api/v1/models/shadow"
    early = api.client.get(asked, params={"model_version": version}).json()
    assert (early["model_version"], early["forecasts"], early["records"]) == (version, 60, [])
    for identity in ids[:-1]:
        actual(api, identity, 1_000, "observed")
    [found] = api.client.get(asked, params={"model_version": version}).json()["records"]
    [told] = models._as_shadow(api.settings, version)  # what `groundswell models show` says
    assert (told.predictions, told.of_shadow.coverage) == (58, 1)
    models._print_records([told])
    said = capsys.readouterr().out
    assert "as the shadow of m1, on 58 predictions" in said
    assert "100.0%" in said
    assert "58 videos; difference -" in said
    assert (found["serving"], found["predictions"]) == ("m1", 58)
    assert found["of_shadow"] == {"mae": 0, "coverage": 1, "width": pytest.approx(2_001 / 501)}
    assert found["of_serving"]["mae"] == pytest.approx(math.log10(1_001 / 101))
    assert found["of_serving"]["coverage"] == 0
    assert found["comparison"]["better"] is True
    assert api.client.get(asked).json()["model_version"] == "beside-1"
    assert api.client.get("/api/v1/models/info").json()["shadow"] == "beside-1"


def test_growing_errors_are_told_with_since_when(api: Api, unique: Make, monkeypatch: Any) -> None:
    user, version = unique("user"), unique("model")
    start = moment(500 * 3_600)
    told = []
    for number in range(400):
        identity = f"{user}-{number:03}"
        event = {
            "event_id": identity,
            "occurred_at": start,
            "prediction_id": identity,
        }
        told += [
            {
                **event,
                "_type": "PredictionMade",
                "title": "t",
                "request": "{}",
                "predicted_views": 100.0,
                "lower": 50.0,
                "upper": 200.0,
                "model_version": version,
            },
            {
                **event,
                "_type": "ActualObserved",
                "occurred_at": start + dt.timedelta(hours=number),
                "actual_views": 110 if number < 250 else 900,
                "source": "observed",
            },
        ]
    # What is given comes before what was observed: this one was right all along.
    told.append({**told[-1], "actual_views": 100, "source": "given"})
    api.fold("predictions", VIRALITY_PREDICTIONS, *told)
    monkeypatch.setattr(api.models.model, "version", version, raising=False)

    found = api.client.get("/api/v1/models/health").json()["drift"]
    assert (found["worse"], found["watched"]) == (True, 400)
    since = dt.datetime.fromisoformat(found["since"])
    assert abs(since - (start + dt.timedelta(hours=250))) < dt.timedelta(hours=60)
    assert found["coverage_before"] > 0.8 > 0.2 > found["coverage_after"]
    assert found["error_before"] < 0.3 < 0.6 < found["error_after"]
    page = api.client.get("/metrics").text
    assert f'model_drift{{model_version="{version}"}} 1.0' in page
    assert f'model_actuals{{model_version="{version}"}} 400.0' in page
