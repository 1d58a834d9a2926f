"""Forecasts and actuals through real agents, which are killed on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from schemas.catalogue import (
    VIDEO_SNAPSHOTS,
    VIRALITY_CHANNELS,
    VIRALITY_FORECASTS,
    VIRALITY_PREDICTIONS,
)
from schemas.publisher import Publisher
from schemas.topic import Topic
from tests.integration.infra.waiting import until
from tests.integration.virality.conftest import Agents

Read = Callable[[Topic], list[dict[str, Any]]]

OUT = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=20)


def snapshot(name: str, video: int, hours: float, views: int) -> dict[str, Any]:
    return {
        "event_id": f"{name}-{video}-{hours}",
        "occurred_at": OUT + dt.timedelta(hours=hours),
        "video_id": f"{name}-v{video}",
        "channel_id": f"{name}-c{video % 5}",
        "title": "A title",
        "published_at": OUT,
        "duration_s": 100,
        "category": "24",
        "views": views,
        "likes": 1,
        "comments": None,
    }


def prediction(name: str, video: int, horizon_h: float) -> dict[str, Any]:
    return {
        "_type": "PredictionMade",
        "event_id": f"{name}-p{video}-{horizon_h}",
        "occurred_at": OUT,
        "prediction_id": f"{name}-p{video}-{horizon_h:g}",
        "video_id": f"{name}-v{video}",
        "title": "A title",
        "request": "{}",
        "predicted_views": 100.0,
        "lower": 50.0,
        "upper": 200.0,
        "model_version": "m",
        "horizon_h": horizon_h,
    }


@pytest.mark.timeout(280)
def test_every_video_gets_its_forecast_and_every_prediction_its_actual_once(
    agents: Agents, publisher: Publisher, log_of: Read, unique: Callable[[str], str]
) -> None:
    name, videos = unique("t"), range(20)

    def take(hours: float) -> None:
        for video in videos:
            publisher.publish(
                VIDEO_SNAPSHOTS, snapshot(name, video, hours, round(100 * (video + 1) * hours))
            )
        publisher.flush()

    def forecasts() -> dict[str, dict[str, Any]]:
        own = [row for row in log_of(VIRALITY_FORECASTS) if row["video_id"].startswith(name)]
        return {row["video_id"]: row for row in own}

    def actuals() -> list[dict[str, Any]]:
        return [
            event
            for event in log_of(VIRALITY_PREDICTIONS)
            if event["_type"] == "ActualObserved" and event["prediction_id"].startswith(name)
        ]

    for video in videos:
        for horizon_h in (24.0, 168.0):
            publisher.publish(VIRALITY_PREDICTIONS, prediction(name, video, horizon_h))
    take(20)
    forecasting, observing = agents.start("forecast-agent"), agents.start("actuals-agent")
    until(lambda: len(forecasts()) == len(videos), "a forecast of each video")
    assert all(row["predicted_views_24h"] >= row["views"] > 0 for row in forecasts().values())
    assert not actuals()

    take(28)
    until(lambda: actuals(), "the first actuals")
    forecasting.kill()
    observing.kill()
    agents.start("forecast-agent")
    agents.start("actuals-agent")
    take(160)
    take(176)
    until(
        lambda: (
            {event["prediction_id"] for event in actuals()}
            >= {f"{name}-p{video}-{horizon_h}" for video in videos for horizon_h in (24, 168)}
        ),
        "every actual",
    )
    said: dict[str, set[tuple[str, int]]] = {}
    for event in actuals():
        said.setdefault(event["prediction_id"], set()).add(
            (event["event_id"], event["actual_views"])
        )
        assert (event["source"], event["feedback"]) == ("observed", None)
    assert all(len(facts) == 1 for facts in said.values())
    for video in videos:
        for horizon_h in (24, 168):
            ((_, views),) = said[f"{name}-p{video}-{horizon_h}"]
            assert views == pytest.approx(100 * (video + 1) * horizon_h, rel=0.02)
    rows = {row["video_id"]: row for row in forecasts().values()}
    assert {row["age_s"] for row in rows.values()} == {176 * 3600}
    assert all(row["predicted_views_7d"] is None for row in rows.values())
    kept = {
        row["channel_id"]: row
        for row in sorted(log_of(VIRALITY_CHANNELS), key=lambda row: int(row["applied_offset"]))
        if row["channel_id"].startswith(name)
    }
    hours = [20, 28, 160, 176]
    for row in kept.values():
        assert len(row["videos"]) == 4
        for one in row["videos"]:
            ages = [(seen["at"] - OUT).total_seconds() / 3600 for seen in one["observed"]]
            assert ages == hours
