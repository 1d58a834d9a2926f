"""The documented curl commands of both ways to ask for videos, run as they are written.

What a reader would fill in is filled in here: the key where it says `your-api-key`, a video's id
where it says `{video_id}`. The key of the commands that show none, and where `localhost:8000` is,
stand in curl's own file of settings, as in docs/documented-apis.md.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.acceptance.conftest import Platform

GENERATE = """
curl -X POST "http://localhost:8000/api/v1/videos/generate" \\
     -H "Content-Type: application/json" \\
     -d '{
       "prompt": "A beautiful sunset over mountains",
       "num_steps": 30,
       "quality": "high",
       "width": 512,
       "height": 512
     }'
"""
VIDEO = 'curl "http://localhost:8000/api/v1/videos/{video_id}"'
SYSTEM = 'curl "http://localhost:8000/api/v1/system/status"'
JOBS = 'curl -H "X-API-Key: your-api-key" http://localhost:8000/api/v1/jobs'
HEALTH = "curl http://localhost:8000/health"
READY = "curl http://localhost:8000/health/ready"
METRICS = "curl http://localhost:8000/metrics"

# The body is documented, the command around it is that of the others.
CREATE = """
curl -X POST http://localhost:8000/api/v1/jobs \\
     -H "X-API-Key: your-api-key" -H "Content-Type: application/json" \\
     -d '{
       "userId": "user-123",
       "prompt": "Create a video of a sunset over the ocean",
       "metadata": {"priority": "high"},
       "maxRetries": 3
     }'
"""


class Answer(NamedTuple):
    status: int
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


class Terminal:
    """Somebody's terminal: runs curl commands against the platform.

    Args:
        key: in curl's file of settings; without, commands bring their own or have none.
    """

    def __init__(self, folder: Path, api: httpx.URL, key: str | None) -> None:
        self._api, self._key, self._folder = api, key, folder
        lines = [
            f'connect-to = "localhost:8000:{api.host}:{api.port}"',
            'write-out = "\\n%{http_code}"',
            "silent",
        ]
        if key is not None:
            lines.append(f'header = "X-API-Key: {key}"')
        (folder / ".curlrc").write_text("\n".join(lines))

    def run(self, command: str) -> Answer:
        if shutil.which("curl") is None:
            return self._by_httpx(command)
        done = subprocess.run(
            ["bash", "-c", command],
            env={**os.environ, "CURL_HOME": str(self._folder), "HOME": str(self._folder)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        text, _, status = done.stdout.rpartition("\n")
        return Answer(int(status), text)

    def _by_httpx(self, command: str) -> Answer:
        """What curl would send, of the options that the documented commands use."""
        words = iter(shlex.split(command)[1:])
        headers = {"X-API-Key": self._key} if self._key else {}
        method, content, url = "GET", None, ""
        for word in words:
            if word == "-X":
                method = next(words)
            elif word == "-H":
                name, _, value = next(words).partition(":")
                headers[name] = value.strip()
            elif word == "-d":
                content = next(words)
            else:
                url = word
        address = url.replace("http://localhost:8000", str(self._api).rstrip("/"))
        answer = httpx.request(method, address, headers=headers, content=content, timeout=60)
        return Answer(answer.status_code, answer.text)


@pytest.fixture(scope="module")
def key(platform: Platform) -> str:
    return platform.api.headers["X-API-Key"]


@pytest.fixture
def terminal(platform: Platform, key: str, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, platform.api.base_url, key)


@pytest.fixture
def plain_terminal(platform: Platform, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, platform.api.base_url, None)


def test_the_probes_answer_without_a_key(plain_terminal: Terminal) -> None:
    assert plain_terminal.run(HEALTH) == (200, '{"status":"alive"}')
    ready = plain_terminal.run(READY)
    assert (ready.status, ready.body["status"]) == (200, "ready")
    for server in ("database", "redis"):
        assert ready.body["components"][server]["status"] == "up"
        assert ready.body["components"][server]["latency_ms"] >= 0
    figures = plain_terminal.run(METRICS)
    assert figures.status == 200
    for name in (
        "job_completion_rate",
        "job_processing_time_seconds",
        "job_queue_depth",
        "api_request_duration_seconds",
    ):
        assert f"# HELP {name} " in figures.text


def test_the_key_in_its_header_opens_the_jobs(plain_terminal: Terminal, key: str) -> None:
    answer = plain_terminal.run(JOBS.replace("your-api-key", key))
    assert answer.status == 200
    assert answer.body.keys() >= {"jobs", "total", "skip", "take"}
    assert plain_terminal.run(JOBS).status == 403
    assert plain_terminal.run(JOBS.replace('-H "X-API-Key: your-api-key"', "")).status == 401


def test_the_documented_job_is_created(plain_terminal: Terminal, key: str) -> None:
    answer = plain_terminal.run(CREATE.replace("your-api-key", key))
    assert answer.status == 201, answer.text
    documented = {
        "id", "userId", "status", "prompt", "metadata", "result", "retryCount", "maxRetries",
        "usedProvider", "usedModel", "generationTimeMs", "errorMessage", "createdAt", "updatedAt",
        "startedAt", "completedAt",
    }  # fmt: skip
    assert documented <= answer.body.keys()
    assert answer.body["userId"] == "user-123"
    assert answer.body["metadata"] == {"priority": "high"}
    assert (answer.body["maxRetries"], answer.body["retryCount"]) == (3, 0)


def test_the_documented_video_is_refused_by_the_documented_rule(
    platform: Platform, terminal: Terminal
) -> None:
    # 30 steps of high quality, which the same pages say needs 50.
    answer = terminal.run(GENERATE)
    assert answer.status == 400
    assert answer.body.keys() >= {"error", "error_code", "details", "timestamp"}
    assert answer.body["error_code"] == "BUSINESS_RULE"
    assert "50 steps" in answer.body["error"]
    asked = terminal.run(GENERATE.replace('"num_steps": 30', '"num_steps": 50'))
    assert asked.status == 200, asked.text
    assert asked.body["status"] in ("pending", "processing")
    documented = {
        "video_id", "status", "video_url", "thumbnail_url", "processing_time", "error_message",
        "metadata",
    }  # fmt: skip
    assert documented <= asked.body.keys()
    video = terminal.run(VIDEO.replace("{video_id}", asked.body["video_id"]))
    assert (video.status, video.body["video_id"]) == (200, asked.body["video_id"])
    platform.api.post(f"/api/v1/jobs/{asked.body['video_id']}/cancel")  # nobody looks at it


def test_an_unknown_video_is_404(terminal: Terminal) -> None:
    answer = terminal.run(VIDEO.replace("{video_id}", str(uuid.uuid4())))
    assert (answer.status, answer.body["error_code"]) == (404, "NOT_FOUND")


def test_the_system_tells_its_status(terminal: Terminal) -> None:
    answer = terminal.run(SYSTEM)
    assert (answer.status, answer.body["status"]) == (200, "ready")
