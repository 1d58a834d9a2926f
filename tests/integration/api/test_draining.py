"""A process that is told to stop: nothing that it has begun is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.integration.api.conftest import KEY, Api

LATE = "/api/v1/jobs?min_position=generation.events.v1/0/99999999&wait_ms=3000"
NOTICE_SECONDS = 1.0
LIMIT = 120.0  # seconds, of every wait here


@pytest.fixture
def process(api: Api, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The API as `python -m infra.run api` runs it, and where it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    values = api.settings.model_dump(include={*_ADDRESSES}, mode="json")
    env = {name.upper(): str(value) for name, value in values.items()}
    secrets = {
        "API_KEY": KEY,
        "PERSONAL_DATA_SECRET": api.settings.personal_data_secrets[0],
        "JWT_SECRET": api.settings.jwt_secrets[0],
        "GROUNDSWELL_HOME": str(tmp_path),
        "API_PORT": str(port),
        "DRAIN_NOTICE_SECONDS": str(NOTICE_SECONDS),
        "DRAIN_SECONDS": "60",
    }
    root = Path(__file__).parents[3]
    with (tmp_path / "log").open("wb") as log:
        found = subprocess.Popen(
            [sys.executable, "-m", "infra.run", "api"],
            env={**os.environ, **env, **secrets},
            cwd=root,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + LIMIT
        while True:
            with suppress(httpx.TransportError):
                if httpx.get(f"{url}/health/ready", timeout=30).status_code == 200:
                    break
            assert found.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        yield found, url
    finally:
        found.kill()
        found.wait()


_ADDRESSES = (
    "kafka_bootstrap_servers",
    "schema_registry_url",
    "database_url",
    "redis_url",
    "artifacts_url",
)


class Load:
    """Clients that ask one request after another until they are told to go elsewhere."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[int] = []
        self.lost: list[str] = []
        self.elsewhere = threading.Event()

    def ask(self, path: str, *, forever: bool) -> None:
        with httpx.Client(base_url=self.url, headers={"X-API-Key": KEY}, timeout=LIMIT) as client:
            while True:
                try:
                    self.answers.append(client.get(path).status_code)
                except httpx.TransportError as error:
                    self.lost.append(repr(error))
                    return
                if not forever or self.elsewhere.is_set():
                    return

    def look(self) -> None:
        """As a load balancer does."""
        with httpx.Client(base_url=self.url, timeout=LIMIT) as client:
            while client.get("/health/ready").status_code == 200:
                time.sleep(0.02)
        self.elsewhere.set()


def test_no_request_of_a_running_load_loses_its_answer(
    process: tuple[subprocess.Popen[bytes], str],
) -> None:
    server, url = process
    load = Load(url)
    heard: list[str] = []

    def listen() -> None:
        with httpx.stream(
            "GET", f"{url}/api/v1/live", headers={"X-API-Key": KEY}, timeout=LIMIT
        ) as stream:
            heard.extend(stream.iter_lines())

    threads = [
        *(threading.Thread(target=load.ask, args=("/api/v1/channels",), kwargs={"forever": True})
          for _ in range(4)),
        threading.Thread(target=load.look),
        threading.Thread(target=listen),
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + LIMIT
    while (len(load.answers) < 20 or not heard) and time.monotonic() < deadline:
        time.sleep(0.01)
    late = threading.Thread(target=load.ask, args=(LATE,), kwargs={"forever": False})
    late.start()
    time.sleep(0.3)  # it waits for a position now, longer than the notice is
    server.send_signal(signal.SIGTERM)
    for thread in [*threads, late]:
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert load.lost == []
    assert set(load.answers) == {200, 503}
    assert load.answers.count(503) == 1  # POSITION_NOT_REACHED, in full
    assert heard[:1] == ["retry: 2000"]  # and its end came as an end, not as an error
    assert server.wait(LIMIT) == -signal.SIGTERM  # the signal, raised once more when all was done
