"""What readers lean on: positions, lag, notifications, and the tables of every projection."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import Any

import psycopg
import pytest

from projections import positions
from projections.jobs import JOBS
from projections.outliers import OUTLIERS
from projections.positions import NotReadError, wait_for
from projections.projection import Projection
from projections.status import projection_lag, projection_lag_async
from projections.videos import VIDEOS
from projections.virality import VIRALITY
from schemas.catalogue import (
    GENERATION_EVENTS,
    OUTLIER_DETECTIONS,
    VIDEO_SNAPSHOTS,
    VIRALITY_SCORES,
)
from schemas.publisher import Position
from tests.integration.projections.conftest import START, Log, snapshot


def _wait(log: Log, projection: Projection, position: Position, timeout_s: float) -> bool:
    async def wait() -> bool:
        async with await psycopg.AsyncConnection.connect(
            log.settings.dsn, autocommit=True
        ) as connection:
            return await wait_for(connection, projection.name, position, timeout_s)

    return asyncio.run(wait())


def test_a_reader_can_wait_for_what_it_wrote(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    videos = log.projection(VIDEOS)
    monkeypatch.setitem(positions.PROJECTIONS, videos.name, videos)
    delivered: list[Any] = []
    log.publisher.publish(
        log.topic(VIDEO_SNAPSHOTS),
        snapshot("v", 1, 1),
        on_delivery=lambda error, message: delivered.append(message),
    )
    log.publisher.flush()
    [message] = delivered
    position = Position(message.topic(), message.partition(), message.offset())
    assert not _wait(log, videos, position, 0.05)  # no projector has run yet
    with log.projecting(videos):
        assert _wait(log, videos, position, 30)
    assert log.rows("SELECT views FROM videos") == [(1,)]
    beyond = Position(position.topic, position.partition, position.offset + 1)
    assert not _wait(log, videos, beyond, 0.05)
    with pytest.raises(NotReadError):
        _wait(log, videos, Position("engagement.events.v1", 0, 0), 1)


def test_lag_is_none_left_once_everything_is_applied(log: Log) -> None:
    videos = log.projection(VIDEOS)
    with psycopg.connect(log.settings.dsn) as connection:
        assert projection_lag(connection) == []
    log.publish(VIDEO_SNAPSHOTS, snapshot("v", 1, 1))
    with log.projecting(videos):
        log.await_applied(videos)
    expected = {
        "name": videos.name,
        "version": VIDEOS.version,
        "lag_events": 0,
        "lag_seconds": 0.0,
        "problem": None,
    }
    with psycopg.connect(log.settings.dsn) as connection:
        assert projection_lag(connection) == [expected]

    async def lag() -> object:
        async with await psycopg.AsyncConnection.connect(log.settings.dsn) as connection:
            return await projection_lag_async(connection)

    assert asyncio.run(lag()) == [expected]


def test_lag_counts_what_is_not_applied_and_the_silence_of_a_projector_that_is_gone(
    log: Log,
) -> None:
    videos = log.projection(VIDEOS)
    log.publish(VIDEO_SNAPSHOTS, snapshot("v", 1, 1))
    with log.projecting(videos):
        log.await_applied(videos)
    with psycopg.connect(log.settings.dsn) as connection:
        connection.execute(
            "UPDATE projection_status SET high_watermark = high_watermark + 5,"
            " caught_up_at = now() - interval '9 s', last_event_at = now() - interval '7 s'"
        )
        [lag] = projection_lag(connection)
        assert lag["lag_events"] == 5 * len(log.checkpoints(videos))
        assert lag["lag_seconds"] == pytest.approx(7)
        connection.execute("UPDATE projection_status SET updated_at = now() - interval '1 h'")
        [lag] = projection_lag(connection)
        assert lag["lag_seconds"] == pytest.approx(3600)


def test_listeners_hear_of_each_chunk(log: Log) -> None:
    videos = log.projection(VIDEOS)
    log.publish(VIDEO_SNAPSHOTS, snapshot("v", 1, 1), snapshot("v", 2, 2))
    with psycopg.connect(log.settings.dsn, autocommit=True) as connection:
        connection.execute("LISTEN groundswell")
        with log.projecting(videos):
            [heard] = connection.notifies(timeout=120, stop_after=1)
    told = json.loads(heard.payload)
    assert told["projection"] == videos.name
    assert told["topic"] == log.topic(VIDEO_SNAPSHOTS).name
    assert told["rows"] == told["next_offset"] == 2


def _event(kind: str, version: int, **facts: Any) -> dict[str, Any]:
    return {
        "_type": kind,
        "event_id": f"e{version}",
        "job_id": "j",
        "version": version,
        "occurred_at": START + dt.timedelta(seconds=version),
        **facts,
    }


def test_a_job_is_told_to_its_end_and_repeats_change_nothing(log: Log) -> None:
    jobs = log.projection(JOBS)
    story = [
        _event(
            "JobQueued",
            1,
            user_id="u",
            prompt="a cat",
            width=512,
            height=512,
            num_steps=20,
            quality="low",
            priority="high",
            max_retries=3,
            requested_by="api",
            metadata='{"a": 1}',
        ),
        _event(
            "AttemptStarted",
            2,
            attempt=1,
            provider_used="local",
            model="m",
            fencing_token="t",
            worker="w",
        ),
        _event("Progressed", 3, attempt=1, percent=50.0, step="frames"),
        _event("AttemptFailed", 4, attempt=1, error="no disk", retryable=True),
        _event("RetryScheduled", 5, attempt=2, retry_at=START, delay_s=1.0),
        _event(
            "AttemptStarted",
            6,
            attempt=2,
            provider_used="local",
            model="m",
            fencing_token="t",
            worker="w",
        ),
        _event(
            "Completed",
            7,
            attempt=2,
            artifact="j.mp4",
            thumbnail="j.jpg",
            bytes=9,
            sha256="00",
            video_seconds=4.0,
            processing_s=2.5,
        ),
    ]
    row = "SELECT version, status, attempts, percent, error, retry_at, artifact, prompt FROM jobs"
    with log.projecting(jobs):
        log.publish(GENERATION_EVENTS, *story[:3])
        log.await_applied(jobs)
        assert log.rows(row) == [(3, "processing", 1, 50.0, None, None, None, "a cat")]
        log.publish(GENERATION_EVENTS, *story[3:5])
        log.await_applied(jobs)
        assert log.rows(row) == [(5, "queued", 2, 50.0, "no disk", START, None, "a cat")]
        log.publish(GENERATION_EVENTS, *story[5:])
        log.await_applied(jobs)
        ended = [(7, "completed", 2, 100.0, None, None, "j.mp4", "a cat")]
        assert log.rows(row) == ended
        log.publish(GENERATION_EVENTS, *story[1:])
        log.await_applied(jobs)
        assert log.rows(row) == ended
    assert log.rows("SELECT count(*), max(version) FROM job_events") == [(7, 7)]


def _score(video: str, applied: int, minutes: float) -> dict[str, Any]:
    counts = ("likes", "dislikes", "comments", "shares", "saves", "impressions", "watch_ms")
    figures = ("views_1h", "views_6h", "views_24h", "views_7d", "score", "velocity", "acceleration")
    return {
        "video_id": video,
        "channel_id": "c",
        "as_of": START + dt.timedelta(minutes=minutes),
        "views": applied,
        "unique_viewers": applied - 1,
        "viewers": b"\0\xff",
        **dict.fromkeys(counts, 1),
        **dict.fromkeys(figures, 2.5),
        "predicted_views_24h": 12.0,
        "model_version": "m",
        "reasons": ["12 views an hour, usual are 3", 'say "hi"'],
        "applied_offset": applied,
        "generation": 1,
    }


def test_the_newest_score_is_a_row_and_each_minute_a_row_of_history(log: Log) -> None:
    virality = log.projection(VIRALITY)
    with log.projecting(virality):
        log.publish(VIRALITY_SCORES, _score("v", 5, 1), _score("v", 9, 3), _score("v", 7, 2))
        log.await_applied(virality)
        log.publish(VIRALITY_SCORES, _score("v", 8, 2.5))  # from a worker that slept
        log.await_applied(virality)
    assert log.rows(
        "SELECT views, unique_viewers, predicted_views_24h, predicted_views_7d, reasons"
        " FROM virality_scores"
    ) == [(9, 8, 12.0, None, ["12 views an hour, usual are 3", 'say "hi"'])]
    assert log.rows("SELECT views FROM virality_history ORDER BY minute") == [(5,), (8,), (9,)]


def test_a_detection_repeated_by_its_agent_is_one_row(log: Log) -> None:
    outliers = log.projection(OUTLIERS)
    detection = {
        "event_id": "e",
        "occurred_at": START,
        "video_id": "v",
        "channel_id": "c",
        "title": None,
        "format": "long",
        "published_at": START,
        "age_s": 7 * 3600,
        "age_from_h": 6,
        "views": 900,
        "expected_views": 100.0,
        "multiple": 8.9,
        "z": 4.0,
        "tail_probability": 0.001,
        "too_recent": False,
        "insufficient_history": False,
        "baseline_n": 9,
        "baseline_median_log10": 2.0,
        "baseline_mad_log10": 0.1,
        "source_partition": 0,
        "source_offset": 4,
    }
    back = {**detection, "event_id": "f", "verdict": "retracted", "retracts": "e", "views": 90}
    with log.projecting(outliers):
        log.publish(OUTLIER_DETECTIONS, detection, back)
        log.await_applied(outliers)
        log.publish(OUTLIER_DETECTIONS, back, detection)
        log.await_applied(outliers)
    assert log.rows("SELECT event_id, views, too_recent FROM outlier_detections") == [
        ("e", 900, False)
    ]
    assert log.rows("SELECT retracts, views FROM outlier_retractions") == [("e", 90)]
