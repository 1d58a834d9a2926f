"""An API process that logs all it can, among servers that repeat what they are sent, or are away:
no secret of its settings, nor what is sent to prove who one is, is told on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from infra.embedded.ports import next_free
from infra.settings import Settings
from infra.supervisor.environment import as_environment
from tests.needles import Needles

_START_SECONDS = 120.0


class Echo(BaseHTTPRequestHandler):
    """Refuses everything, with what it was asked and how it was authorised in the answer."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        said = f"{self.path} {self.headers} {self.rfile.read(length)!r}"
        error = {"code": 400, "message": said, "errors": [{"reason": "planted", "message": said}]}
        answer = json.dumps({"error": error, "detail": said}).encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def needles() -> Needles:
    names = (
        "key",
        "wrong-key",
        "login",
        "persons",
        "jwt",
        "youtube",
        "openai",
        "replicate",
        "runway",
    )
    servers = ("postgres", "redis", "registry", "sasl")
    return Needles({name: f"planted-{name}-{uuid.uuid4().hex}" for name in (*names, *servers)})


@contextmanager
def process(settings: Settings, folder: Path) -> Iterator[httpx.Client]:
    """The API as the supervisor starts it; what it writes is in `output`."""
    output = folder / "output"
    environment = {**os.environ, **as_environment(settings), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "infra.run", "api"]
    with output.open("wb") as file:
        running = subprocess.Popen(command, env=environment, stdout=file, stderr=file, cwd=folder)
    try:
        url = f"http://127.0.0.1:{settings.api_port}"
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            deadline = time.monotonic() + _START_SECONDS
            while not _serves(client):
                assert running.poll() is None, output.read_text()
                assert time.monotonic() < deadline, output.read_text()
                time.sleep(0.1)
            yield client
    finally:
        running.terminate()
        try:
            running.wait(30)
        finally:
            running.kill()


def _serves(client: httpx.Client) -> bool:
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


def planted(settings: Settings, needles: Needles, echo: str, folder: Path) -> Settings:
    secrets = {name: SecretStr(text) for name, text in needles.secrets.items()}
    return settings.model_copy(
        update={
            "groundswell_home": folder / "home",
            "api_port": next_free(0),
            "api_key": secrets["key"],
            "personal_data_secret": secrets["persons"],
            "jwt_secret": secrets["jwt"],
            "youtube_api_key": secrets["youtube"],
            "youtube_api_endpoint": echo,
            "openai_video_key": secrets["openai"],
            "openai_video_url": echo,
            "replicate_video_key": secrets["replicate"],
            "replicate_video_url": echo,
            "runway_video_key": secrets["runway"],
            "runway_video_url": echo,
            "log_level": "DEBUG",
        }
    )


def asked(client: httpx.Client, needles: Needles) -> list[httpx.Response]:
    """Answers to who has the key, to who has not, and to who brings a password."""
    key = {"X-API-Key": needles.secrets["key"]}
    wrong = needles.secrets["wrong-key"]
    who = {"email": "someone@example.org", "password": needles.secrets["login"]}
    event = {"video_id": "v", "channel_id": "c", "viewer_id": "u", "kind": "view"}
    with_key = [
        ("GET", "/api/v1/totals", None),
        ("GET", "/api/v1/channels/search?q=planted", None),
        ("GET", "/api/v1/youtube/channels?name=@planted", None),
        ("GET", "/api/v1/system/status", None),
        ("POST", "/api/v1/events/engagement.events.v1", event),
        *(("POST", "/api/v1/providers/test", {"provider": p, "timeout": 2}) for p in PROVIDERS),
        ("POST", "/api/v1/auth/register", who),
        ("POST", "/api/v1/auth/login", who),
        ("POST", "/api/v1/auth/login", {**who, "email": [who["password"]]}),
    ]
    questions = [
        *(client.build_request(how, path, json=body, headers=key) for how, path, body in with_key),
        client.build_request("GET", "/api/v1/totals", headers={"Authorization": f"Bearer {wrong}"}),
        client.build_request("POST", "/session", json={"key": wrong}),
        *(client.build_request("GET", path) for path in ("/metrics", "/health/detailed")),
    ]
    with ThreadPoolExecutor(len(questions)) as pool:  # who asks servers that are away, waits
        return list(pool.map(client.send, questions))


PROVIDERS = ("openai", "replicate", "runway")


def look(needles: Needles, answers: list[httpx.Response], folder: Path) -> None:
    needles.look("answer", ((str(one.url.path), one.content) for one in answers))
    needles.look(
        "header", ((str(one.url.path), repr(one.headers.multi_items())) for one in answers)
    )
    needles.look("output", [("", (folder / "output").read_bytes())])
    assert needles.seen == set()
    assert min(needles.looked_at.values()) > 1_000, needles.looked_at


def test_servers_that_repeat_what_they_are_sent(
    provisioned: Settings, api_database: str, needles: Needles, echo: str, tmp_path: Path
) -> None:
    here = provisioned.model_copy(update={"database_url": api_database})
    with process(planted(here, needles, echo, tmp_path), tmp_path) as client:
        answers = asked(client, needles)
    [searched] = [one for one in answers if one.url.path == "/api/v1/channels/search"]
    assert "key=***" in searched.text, "it is repeated, but for the key"
    tests = [one for one in answers if one.url.path == "/api/v1/providers/test"]
    assert [one.json()["success"] for one in tests] == [False] * len(PROVIDERS)
    look(needles, answers, tmp_path)


def test_servers_that_are_away(
    stack_settings: Settings, needles: Needles, echo: str, tmp_path: Path
) -> None:
    secrets = needles.secrets
    nowhere = stack_settings.model_copy(
        update={
            "database_url": f"postgresql://someone:{secrets['postgres']}@127.0.0.1:1/none",
            "redis_url": f"redis://:{secrets['redis']}@127.0.0.1:1/0",
            "kafka_bootstrap_servers": "127.0.0.1:1",
            "kafka_security_protocol": "SASL_PLAINTEXT",
            "kafka_sasl_mechanism": "PLAIN",
            "kafka_sasl_username": "someone",
            "kafka_sasl_password": SecretStr(secrets["sasl"]),
            "schema_registry_url": "http://127.0.0.1:1",
            "schema_registry_basic_auth": SecretStr(f"someone:{secrets['registry']}"),
        }
    )
    with process(planted(nowhere, needles, echo, tmp_path), tmp_path) as client:
        answers = asked(client, needles)
    assert {503} <= {one.status_code for one in answers}
    look(needles, answers, tmp_path)
