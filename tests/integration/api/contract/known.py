"""One of everything that the API can show, so that reads have an answer to be held to a schema."""

from __future__ import annotations

import datetime as dt

from api.routes.events import OWNED
from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    GENERATION_EVENTS,
    OUTLIER_ANALYSES,
    OUTLIER_BASELINES,
    OUTLIER_DETECTIONS,
    OUTLIER_NICHES,
    OUTLIER_SHIFTS,
    TOPICS,
    VIDEO_SNAPSHOTS,
    VIDEO_UPLOADS,
    VIRALITY_PREDICTIONS,
    VIRALITY_SCORES,
)
from tests.integration.api.conftest import Api, moment, stored_events
from tests.integration.api.test_analyses import asked, projected, run_of
from tests.integration.api.test_jobs import completed, queue, queued_facts, story
from tests.integration.api.test_outliers import shift
from tests.integration.api.test_predictions import DOCUMENTED
from tests.integration.api.test_providers import told
from tests.integration.api.test_reads import detection, score, snapshot, upload

VIDEO, CHANNEL = "known-video", "known-channel"


def fill(api: Api) -> dict[str, list[str]]:
    """Fill the tables; the ids that are known then, by the names of `schemathesis.toml`."""
    api.fold("videos", VIDEO_UPLOADS, upload(VIDEO, CHANNEL))
    api.fold("videos", VIDEO_SNAPSHOTS, snapshot(VIDEO, CHANNEL, 500, ago=100))
    api.fold("channels", CHANNEL_SNAPSHOTS, _channel())
    api.fold("channels", OUTLIER_BASELINES, _baseline())
    api.fold("virality", VIRALITY_SCORES, score(VIDEO, moment(60), 100.0))
    api.fold("outliers", OUTLIER_DETECTIONS, detection(VIDEO, CHANNEL))
    api.fold("shifts", OUTLIER_SHIFTS, shift(CHANNEL, "known-shift", moment(50)))
    api.fold("niches", OUTLIER_NICHES, _niche())
    told(api, "elsewhere", "degraded", consecutive_failures=2, reason="no answer")
    job = completed(api, "known-job")
    failed = _failed(api, "known-failure")
    analysis = asked(api, headers={})
    projected(api, analysis)
    api.fold("analyses", OUTLIER_ANALYSES, *run_of(analysis))
    waiting = asked(api, headers={})
    answer = api.client.post("/api/v1/predict", json=DOCUMENTED).raise_for_status()
    [event] = stored_events(api, answer.headers["X-Event-Position"])
    api.fold("predictions", VIRALITY_PREDICTIONS, event)
    return {
        "videos": [VIDEO, job],
        "names": [_on_youtube(api)],
        "channels": [CHANNEL],
        "jobs": [job, failed, queue(api, "known-queued")],
        "analyses": [analysis, waiting],
        "predictions": [answer.json()["prediction_id"]],
        "providers": ["local"],
        "topics": [topic.name for topic in TOPICS.values() if topic not in OWNED],
    }


def _on_youtube(api: Api) -> str:
    found = api.client.get("/api/v1/channels/search", params={"q": "gaming"}).raise_for_status()
    channel: str = found.json()["items"][0]["channel_id"]
    return channel


def _channel() -> dict[str, object]:
    return {
        "event_id": "known-channel-observed",
        "occurred_at": moment(50),
        "channel_id": CHANNEL,
        "title": "The channel",
        "subscribers": 1000,
        "views": None,
        "videos": 4,
    }


def _baseline() -> dict[str, object]:
    return {
        "channel_id": CHANNEL,
        "as_of": moment(40),
        "snapshots": 12,
        "baselines": [
            {
                "format": "long",
                "age_from_h": 24,
                "n": 6,
                "median_log10_views": 3.0,
                "mad_log10_views": 0.2,
                "scale_log10": 0.3,
                "df": 7.5,
            }
        ],
        "applied_offset": 12,
    }


def _niche() -> dict[str, object]:
    return {
        "event_id": "known-niche",
        "occurred_at": moment(30),
        "niche_id": "known-niche",
        "terms": ["hamster"],
        "channels": [CHANNEL, "b", "c"],
        "videos": [VIDEO, "y", "z"],
        "median_multiple": 7.5,
        "first_seen": moment(30) - dt.timedelta(days=2),
        "open": True,
    }


def _failed(api: Api, job: str) -> str:
    api.fold(
        "jobs",
        GENERATION_EVENTS,
        story(job, 1, "JobQueued", **queued_facts(user_id="someone")),
        story(job, 2, "Cancelled", reason="not wanted any more"),
    )
    return job
