"""What holds around every route: envelopes, ETags, gzip, other origins, hosts, time."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from socket import create_connection

import httpx
import psycopg
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from schemas.catalogue import CHANNEL_SNAPSHOTS
from tests.integration.api.conftest import KEY, Api, moment, serving, stored
from tests.integration.api.stand_in import StandInModels

ENVELOPE = {"error", "error_code", "details", "timestamp", "request_id"}
PAGE = "https://page.example"


def channel(name: str, subscribers: int) -> dict[str, object]:
    return {
        "event_id": f"c-{name}-{subscribers}",
        "occurred_at": moment(10 - subscribers / 1000),
        "channel_id": name,
        "title": "A title that is long enough to be worth the work of making it shorter " * 3,
        "subscribers": subscribers,
        "views": 1,
        "videos": 1,
    }


@pytest.fixture(scope="module", autouse=True)
def channels(api: Api) -> None:
    api.fold("channels", CHANNEL_SNAPSHOTS, *(channel(f"around-{n}", n) for n in range(8)))


@pytest.fixture(scope="module")
def strict(api: Api) -> Iterator[httpx.Client]:
    """One that is reached from other pages, by one name, through TLS, and answers soon."""
    settings = api.settings.model_copy(
        update={
            "cors_origins": (PAGE,),
            "trusted_hosts": ("127.0.0.1", "*.api.example"),
            "behind_tls": True,
            "request_timeout_seconds": 0.5,
        }
    )
    with (
        serving(settings, StandInModels()) as url,
        httpx.Client(base_url=url, headers={"X-API-Key": KEY}, timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/static/nothing.js", 404),
        ("POST", "/static/dashboard.js", 405),
        ("POST", "/docs", 405),
        ("GET", "/docs/nothing", 404),
        ("POST", "/openapi.json", 405),
        ("DELETE", "/api/v1/channels", 405),
        ("GET", "/static/../api/app.py", 404),
    ],
)
def test_mounts_and_pages_refuse_in_the_envelope(
    api: Api, method: str, path: str, status: int
) -> None:
    answer = api.client.request(method, path)
    assert answer.status_code == status
    assert answer.json().keys() == ENVELOPE
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_a_websocket_that_is_none_is_refused_in_the_envelope(api: Api) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(api.url.replace("http", "ws") + "/no"):
        pass
    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body).keys() == ENVELOPE


def test_a_read_that_says_the_same_is_304(api: Api) -> None:
    first = api.client.get("/api/v1/channels")
    etag = first.headers["ETag"]
    assert etag.startswith('W/"')
    assert first.headers["Cache-Control"] == "private, no-cache"
    for asked in (etag, f'"other", {etag}', "*", etag.removeprefix("W/")):
        same = api.client.get("/api/v1/channels", headers={"If-None-Match": asked})
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["ETag"] == etag
        assert same.headers["X-Request-ID"]
    api.fold("channels", CHANNEL_SNAPSHOTS, channel("around-new", 50))
    changed = api.client.get("/api/v1/channels", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag
    assert "ETag" not in api.client.get("/api/v1/channels/nobody").headers


def test_the_content_and_files_keep_their_own_tags(api: Api) -> None:
    found = api.client.get("/api/v1/config/content")
    tag = found.headers["ETag"]
    assert not tag.startswith("W/")
    again = api.client.get("/api/v1/config/content", headers={"If-None-Match": tag})
    assert again.status_code == 304


def test_answers_are_compressed_where_that_is_asked_for_and_worth_it(api: Api) -> None:
    plain = api.client.get("/api/v1/channels", headers={"Accept-Encoding": "identity"})
    small = api.client.get("/api/v1/channels", headers={"Accept-Encoding": "gzip"})
    assert small.headers["Content-Encoding"] == "gzip"
    assert small.json() == plain.json()
    assert small.headers["ETag"] == plain.headers["ETag"]
    assert int(small.headers["Content-Length"]) < len(plain.content) / 3
    with api.client.stream("GET", "/api/v1/live") as stream:
        assert "Content-Encoding" not in stream.headers
        assert next(stream.iter_lines()).startswith("retry:")
    short = api.client.get("/health", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in short.headers


def test_a_video_is_not_compressed(api: Api) -> None:
    name = stored(api, "around/one.mp4", b"\0" * 100_000)
    with psycopg.connect(api.settings.dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO jobs (job_id, version, status, artifact, updated_at)"
            " VALUES ('around-job', 1, 'completed', %s, now())",
            (name,),
        )
    path = "/api/v1/videos/around-job/download"
    answer = api.client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert len(answer.content) == 100_000
    tag = answer.headers["ETag"]
    assert api.client.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_every_answer_says_what_a_browser_may_do_with_it(api: Api, strict: httpx.Client) -> None:
    for path, status in (("/api/v1/channels", 200), ("/nothing", 404), ("/health", 200)):
        answer = api.client.get(path)
        assert answer.status_code == status
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in answer.headers
    assert "max-age=" in strict.get("/health").headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_pages_of_the_description_run_their_own_scripts_alone(api: Api, path: str) -> None:
    page = api.client.get(path, headers={"Accept-Encoding": "identity"})
    policy = page.headers["Content-Security-Policy"]
    [scripts] = re.findall(r"script-src ([^;]*)", policy)
    assert "unsafe" not in scripts
    assert "frame-ancestors 'none'" in policy
    for script in re.findall(rb"<script>(.*?)</script>", page.content, re.DOTALL):
        assert f"'sha256-{b64encode(hashlib.sha256(script).digest()).decode()}'" in scripts


def test_only_pages_of_named_origins_may_read(api: Api, strict: httpx.Client) -> None:
    asking = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key, idempotency-key",
    }
    allowed = strict.options("/api/v1/jobs", headers={"Origin": PAGE, **asking})
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == PAGE
    other = strict.options("/api/v1/jobs", headers={"Origin": "https://evil.example", **asking})
    assert other.status_code == 400
    assert other.json().keys() == ENVELOPE
    read = strict.get("/api/v1/channels", headers={"Origin": PAGE})
    assert read.headers["Access-Control-Allow-Origin"] == PAGE
    assert "X-Event-Position" in read.headers["Access-Control-Expose-Headers"]
    refused = strict.get("/api/v1/channels", headers={"Origin": PAGE, "X-API-Key": "wrong"})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (403, PAGE)
    quiet = api.client.get("/api/v1/channels", headers={"Origin": PAGE})
    assert "Access-Control-Allow-Origin" not in quiet.headers


def test_only_named_hosts_are_answered(strict: httpx.Client) -> None:
    assert strict.get("/health", headers={"Host": "one.api.example"}).status_code == 200
    other = strict.get("/health", headers={"Host": "evil.example"})
    assert other.status_code == 400
    assert other.json().keys() == ENVELOPE
    there = create_connection((strict.base_url.host, strict.base_url.port))
    url = "ws://evil.example/api/v1/outlier/ws/a"
    with pytest.raises(InvalidStatus) as refused, connect(url, sock=there) as opened:
        opened.recv()
    assert refused.value.response.status_code == 400


def test_an_answer_that_does_not_begin_in_time_is_504(strict: httpx.Client) -> None:
    late = strict.get(
        "/api/v1/jobs?min_position=generation.events.v1/0/99999999&wait_ms=20000",
        headers={"Origin": PAGE},
    )
    assert (late.status_code, late.json()["error_code"]) == (504, "TIMED_OUT")
    assert late.headers["Access-Control-Allow-Origin"] == PAGE
    assert strict.get("/api/v1/channels").status_code == 200


def test_a_stream_outlasts_the_time_of_answers(strict: httpx.Client) -> None:
    with strict.stream("GET", "/api/v1/live?topics=pulse") as stream:
        seen = iter(stream.iter_lines())
        pulses = 0
        for line in seen:
            pulses += line.startswith("event: pulse")
            if pulses:
                break
    assert pulses
