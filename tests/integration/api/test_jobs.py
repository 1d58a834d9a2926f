"""Generation: asked for, found at once, called off, asked for again, fetched."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from schemas.catalogue import GENERATION_EVENTS
from streams.generation.jobs import commands
from streams.generation.jobs.events import JobQueued
from streams.generation.jobs.job_commands import Queue
from tests.integration.api.conftest import Api, moment, stored

Make = Callable[[str], str]

CONTENT = bytes(range(256)) * 10


def wish(**facts: Any) -> dict[str, Any]:
    return {"userId": "user-123", "prompt": "A sunset", **facts}


def story(job: str, version: int, kind: str, **facts: Any) -> dict[str, Any]:
    return {
        "_type": kind,
        "event_id": f"{job}-{version}",
        "occurred_at": moment(),
        "job_id": job,
        "version": version,
        **facts,
    }


def queued_facts(**facts: Any) -> dict[str, Any]:
    return {
        "user_id": "user-123",
        "prompt": "A sunset",
        "width": 512,
        "height": 512,
        "num_steps": 20,
        "quality": "medium",
        "seed": None,
        "duration_s": 4.0,
        "priority": "default",
        "max_retries": 3,
        "provider": None,
        "source_video_id": None,
        "requested_by": "api",
        "metadata": None,
        **facts,
    }


def completed(api: Api, job: str) -> str:
    """A job whose video is in the store."""
    name = stored(api, f"videos/{job}.mp4", CONTENT)
    picture = stored(api, f"videos/{job}.jpg", b"\xff\xd8picture")
    api.fold(
        "jobs",
        GENERATION_EVENTS,
        story(job, 1, "JobQueued", **queued_facts()),
        story(
            job,
            2,
            "AttemptStarted",
            attempt=1,
            provider_used="local",
            model="procedural-1",
            fencing_token="t",
            worker="w",
        ),
        story(
            job,
            3,
            "Completed",
            attempt=1,
            artifact=name,
            thumbnail=picture,
            bytes=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            video_seconds=4.0,
            processing_s=12.04,
        ),
    )
    return job


def queue(api: Api, job: str) -> str:
    """A job in the store of decisions, as the dispatcher puts it there."""

    async def put() -> None:
        async with await psycopg.AsyncConnection.connect(
            api.settings.dsn, autocommit=True
        ) as connection:
            request = JobQueued(**queued_facts())
            await commands.decide(connection, job, Queue(dt.datetime.now(dt.UTC), request))

    asyncio.run(put())
    return job


def test_a_job_is_found_from_the_moment_it_is_accepted(api: Api) -> None:
    answer = api.client.post(
        "/api/v1/jobs", json=wish(metadata={"priority": "high", "campaign": "x"}, maxRetries=1)
    )
    assert answer.status_code == 201
    job = answer.json()
    assert answer.headers["X-Event-Position"].startswith("generation.requests.v1/")
    assert answer.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    found = api.client.get(f"/api/v1/jobs/{job['id']}").json()
    assert found == job
    assert (found["status"], found["userId"], found["maxRetries"]) == ("queued", "user-123", 1)
    assert (found["priority"], found["metadata"]["campaign"]) == ("high", "x")
    assert api.client.get(f"/api/v1/videos/{job['id']}").json()["status"] == "pending"
    early = api.client.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert (early.status_code, early.json()["error_code"]) == (409, "NOT_QUEUED_YET")


def test_the_same_idempotency_key_of_the_same_user_is_the_same_job(api: Api, unique: Make) -> None:
    key = unique("key")

    def ask(user: str) -> str:
        answer = api.client.post(
            "/api/v1/jobs", json=wish(userId=user), headers={"Idempotency-Key": key}
        )
        return str(answer.json()["id"])

    assert ask("anna") == ask("anna") != ask("ben")


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"prompt": ""}, 422),
        ({"prompt": "x" * 5001}, 422),
        ({"prompt": "   "}, 422),
        ({"maxRetries": 11}, 422),
        ({"metadata": {"priority": "urgent"}}, 422),
        ({"width": 300}, 422),
        ({"colour": "red"}, 422),
        ({"quality": "high", "numSteps": 30}, 400),
        ({"quality": "low", "numSteps": 31}, 400),
        ({"width": 1024, "height": 256}, 400),
    ],
)
def test_what_breaks_a_rule_is_refused_with_the_field(
    api: Api, facts: dict[str, Any], status: int
) -> None:
    answer = api.client.post("/api/v1/jobs", json=wish(**facts))
    assert answer.status_code == status
    assert answer.json()["details"]["errors"][0]["path"]


def test_the_documented_video_requests_answer_as_documented(api: Api) -> None:
    good = api.client.post(
        "/api/v1/videos/generate",
        json={"prompt": "  Test video ", "num_steps": 20, "quality": "medium"},
    )
    assert (good.status_code, good.json()["status"]) == (200, "pending")
    assert good.json()["metadata"]["prompt"] == "Test video"
    high = {"prompt": "x", "num_steps": 30, "quality": "high", "width": 512, "height": 512}
    assert api.client.post("/api/v1/videos/generate", json=high).status_code == 400
    bad = {"prompt": "", "num_steps": 200}
    assert api.client.post("/api/v1/videos/generate", json=bad).status_code == 422
    assert (
        api.client.post("/api/v1/videos/generate", json={"prompt": "x" * 1001}).status_code == 422
    )
    video = good.json()["video_id"]
    early = api.client.get(f"/api/v1/videos/{video}/download")
    assert (early.status_code, early.json()["details"]["status"]) == (400, "pending")


def test_a_queued_job_is_cancelled_once_and_can_be_asked_for_again(api: Api, unique: Make) -> None:
    job = queue(api, unique("job"))
    assert api.client.get(f"/api/v1/jobs/{job}").json()["status"] == "queued"
    assert api.client.post(f"/api/v1/jobs/{job}/retry").status_code == 400
    cancelled = api.client.post(f"/api/v1/jobs/{job}/cancel", json={"reason": "no more"})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    again = api.client.delete(f"/api/v1/jobs/{job}")
    assert (again.status_code, again.json()["error_code"]) == (400, "ILLEGAL_STEP")
    retried = api.client.post(f"/api/v1/jobs/{job}/retry")
    assert retried.status_code == 201
    assert retried.json()["status"] == "queued"
    assert retried.json()["id"] != job
    deleted = api.client.delete(f"/api/v1/jobs/{retried.json()['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry")]
)
def test_an_unknown_job_cannot_be_changed(api: Api, method: str, path: str) -> None:
    assert api.client.request(method, f"/api/v1/jobs/none{path}").status_code == 404


def test_a_completed_job_has_its_result_and_story(api: Api, unique: Make) -> None:
    job = completed(api, unique("job"))
    body = api.client.get(f"/api/v1/jobs/{job}").json()
    assert (body["status"], body["progress"], body["generationTimeMs"]) == ("completed", 100, 12040)
    assert body["result"]["videoUrl"] == f"/api/v1/videos/{job}/download"
    assert (body["usedProvider"], body["usedModel"], body["retryCount"]) == (
        "local",
        "procedural-1",
        0,
    )
    events = api.client.get(f"/api/v1/jobs/{job}/history").json()["events"]
    assert [event["type"] for event in events] == ["JobQueued", "AttemptStarted", "Completed"]
    video = api.client.get(f"/api/v1/videos/{job}").json()
    assert (video["status"], video["processing_time"]) == ("completed", "12.0s")
    listed = api.client.get("/api/v1/videos?status_filter=completed&limit=100").json()
    assert job in [item["video_id"] for item in listed["items"]]
    jobs = api.client.get("/api/v1/jobs?userId=user-123&status=completed&take=100").json()
    assert job in [item["id"] for item in jobs["jobs"]]
    assert jobs["total"] >= 1
    stats = api.client.get("/api/v1/jobs/stats").json()
    assert stats["byStatus"]["completed"] >= 1
    assert stats["avgGenerationTimeMs"] > 0


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        (None, 200, 0, 2560),
        ("bytes=0-", 206, 0, 2560),
        ("bytes=0-99", 206, 0, 100),
        ("bytes=100-199", 206, 100, 200),
        ("bytes=2500-9999", 206, 2500, 2560),
        ("bytes=-10", 206, 2550, 2560),
        ("bytes=-99999", 206, 0, 2560),
        ("bytes=5-2", 200, 0, 2560),
        ("bytes=0-1,4-5", 200, 0, 2560),
        ("lines=1-2", 200, 0, 2560),
    ],
)
def test_a_video_is_fetched_whole_or_in_ranges(
    api: Api, unique: Make, asked: str | None, status: int, start: int, end: int
) -> None:
    job = completed(api, unique("job"))
    headers = {"Range": asked} if asked else {}
    answer = api.client.get(f"/api/v1/videos/{job}/download", headers=headers)
    assert answer.status_code == status
    assert answer.content == CONTENT[start:end]
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Accept-Ranges"] == "bytes"
    if status == 206:
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/2560"


def test_a_range_outside_is_416_with_the_size(api: Api, unique: Make) -> None:
    job = completed(api, unique("job"))
    answer = api.client.get(f"/api/v1/videos/{job}/download", headers={"Range": "bytes=2560-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */2560")
    head = api.client.head(f"/api/v1/videos/{job}/download")
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "2560", b"")
    picture = api.client.get(f"/api/v1/videos/{job}/thumbnail")
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
