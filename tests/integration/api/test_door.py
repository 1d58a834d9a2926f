"""Keys, sessions, envelopes, ids, probes: what holds for every request."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from api.app import create_app
from api.errors import NoApiKeyError
from infra.settings import Settings
from tests.integration.api.conftest import KEY, Api, serving
from tests.integration.api.stand_in import StandInModels

ENVELOPE = {"error", "error_code", "details", "timestamp", "request_id"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-API-Key": "wrong"}, 403),
        ({"X-API-Key": ""}, 403),
        ({"Authorization": "Bearer wrong"}, 403),
        ({"Authorization": "Basic abc"}, 401),
        ({"X-API-Key": KEY}, 200),
        ({"Authorization": f"Bearer {KEY}"}, 200),
        ({"Cookie": "groundswell_session=9999999999.forged"}, 401),
    ],
)
def test_the_api_takes_its_key_and_nothing_else(
    api: Api, headers: dict[str, str], status: int
) -> None:
    answer = api.stranger.get("/api/v1/channels", headers=headers)
    assert answer.status_code == status
    if status != 200:
        assert answer.json().keys() == ENVELOPE


def test_a_stranger_learns_nothing_of_bodies_or_addresses(api: Api) -> None:
    assert api.stranger.post("/api/v1/jobs", content=b"{").status_code == 401
    assert api.stranger.get("/api/v1/no/such/thing").status_code == 401


@pytest.mark.parametrize(
    "path", ["/health", "/health/ready", "/metrics", "/openapi.json", "/docs", "/redoc", "/"]
)
def test_probes_documents_and_the_page_are_open(api: Api, path: str) -> None:
    assert api.stranger.get(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "NOT_FOUND"),
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("PUT", "/api/v1/totals", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1/jobs?take=0", 422, "VALIDATION_ERROR"),
        ("GET", "/api/v1/videos?cursor=nonsense", 400, "UNKNOWN_CURSOR"),
        ("GET", "/api/v1/videos?cursor=", 422, "VALIDATION_ERROR"),
        ("GET", "/api/v1/channels?min_position=here", 422, "VALIDATION_ERROR"),
        ("GET", "/api/v1/live?topics=weather", 422, "VALIDATION_ERROR"),
        ("GET", "/api/v1/videos/a%00b", 422, "VALIDATION_ERROR"),
        ("GET", "/api/v1/channels?min_position=engagement.events.v1/0/1", 400, "POSITION_NOT_READ"),
        (
            "GET",
            "/api/v1/jobs?min_position=generation.events.v1/0/99999999&wait_ms=0",
            503,
            "POSITION_NOT_REACHED",
        ),
    ],
)
def test_every_error_comes_in_the_envelope(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    answer = api.client.request(method, path)
    assert answer.status_code == status
    body = answer.json()
    assert body.keys() == ENVELOPE
    assert body["error_code"] == code
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert "Traceback" not in answer.text


def test_a_request_id_comes_back_and_a_bad_one_is_replaced(api: Api) -> None:
    given = api.client.get("/health", headers={"X-Request-ID": "abc-123"})
    assert given.headers["X-Request-ID"] == "abc-123"
    for bad in ("a b", "x" * 200, "a;b"):
        made = api.client.get("/health", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert uuid.UUID(made)


def test_durations_are_counted_by_route_template(api: Api) -> None:
    api.client.get("/api/v1/channels/some-channel-of-mine")
    text = api.client.get("/metrics").text
    assert 'endpoint="/api/v1/channels/{channel_id}"' in text
    assert "some-channel-of-mine" not in text
    for name in ("job_queue_depth", "job_processing_time_seconds_bucket", "projection_lag_events"):
        assert name in text


def test_openapi_is_a_document_in_which_every_reference_resolves(api: Api) -> None:
    document = api.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.")

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "$ref":
                    yield value
                else:
                    yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    for reference in set(references(document)):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    operations = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    ]
    assert len(operations) == len(set(operations)) > 25


def test_readiness_names_every_server_with_its_latency(api: Api) -> None:
    components = api.client.get("/health/ready").json()["components"]
    assert components.keys() == {"database", "redis", "kafka", "projections"}
    assert all(component["latency_ms"] > 0 for component in components.values())


def test_a_dead_redis_makes_it_unready_but_not_dead(api: Api) -> None:
    settings = api.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with (
        serving(settings, StandInModels()) as url,
        httpx.Client(base_url=url, timeout=120) as client,
    ):
        assert client.get("/health").json() == {"status": "alive"}
        answer = client.get("/health/ready")
        assert answer.status_code == 503
        body = answer.json()
        assert body.keys() == ENVELOPE
        assert body["details"]["components"]["redis"]["status"] == "down"
        assert body["details"]["components"]["database"]["status"] == "up"
        reads = client.get("/api/v1/channels", headers={"X-API-Key": KEY})
        assert reads.status_code == 200


def test_a_dead_database_is_503_with_its_name(api: Api) -> None:
    settings = api.settings.model_copy(
        update={"database_url": "postgresql://nobody:nothing@127.0.0.1:1/none"}
    )
    with (
        serving(settings, StandInModels()) as url,
        httpx.Client(base_url=url, timeout=120) as client,
    ):
        answer = client.get("/api/v1/totals", headers={"X-API-Key": KEY})
        assert (answer.status_code, answer.json()["error_code"]) == (503, "DATABASE_UNAVAILABLE")
        assert "nothing" not in answer.text
        assert client.get("/health").status_code == 200
        assert "api_database_up 0.0" in client.get("/metrics").text


@pytest.mark.parametrize("key", [None, SecretStr("")])
def test_without_a_key_it_does_not_start(provisioned: Settings, key: SecretStr | None) -> None:
    with pytest.raises(NoApiKeyError, match="API_KEY"):
        create_app(provisioned.model_copy(update={"api_key": key}))


def test_a_browser_of_this_machine_gets_the_page_and_a_session_that_only_reads(api: Api) -> None:
    page = api.stranger.get("/", headers={"Accept": "text/html"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "HttpOnly" in page.headers["Set-Cookie"]
    assert "SameSite=strict" in page.headers["Set-Cookie"]
    assert KEY not in page.text + page.headers["Set-Cookie"]
    with httpx.Client(base_url=api.url, cookies=page.cookies) as browser:
        assert browser.get("/api/v1/channels").status_code == 200
        assert browser.post("/api/v1/jobs", json={}).status_code == 403
        rebound = browser.get("/api/v1/channels", headers={"Host": "evil.example"})
        assert rebound.status_code == 401
        for asset in ("dashboard.js", "dashboard.css", "format.js", "mark.svg"):
            assert browser.get(f"/static/{asset}").status_code == 200
    api.stranger.cookies.clear()


def test_a_page_asked_for_by_another_name_gets_no_session(api: Api) -> None:
    page = api.stranger.get("/", headers={"Accept": "text/html", "Host": "evil.example"})
    assert page.status_code == 200
    assert "Set-Cookie" not in page.headers
    assert "needs the API" in page.text


def test_an_api_for_others_asks_the_browser_for_the_key(api: Api) -> None:
    settings = api.settings.model_copy(update={"api_host": "0.0.0.0"})
    with (
        serving(settings, StandInModels()) as url,
        httpx.Client(base_url=url, timeout=120) as browser,
    ):
        page = browser.get("/", headers={"Accept": "text/html"})
        assert "Set-Cookie" not in page.headers
        assert browser.post("/session", json={"key": "wrong"}).status_code == 403
        assert browser.post("/session", json={"key": KEY}).status_code == 204
        assert browser.get("/api/v1/channels").status_code == 200
        assert "Going viral" in browser.get("/", headers={"Accept": "text/html"}).text


def test_everyone_else_is_greeted_in_json(api: Api) -> None:
    assert api.stranger.get("/").json().keys() == {"message", "version", "docs"}
