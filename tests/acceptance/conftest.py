"""The whole platform, started as a user starts it: one for the run, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"
CLI = Path(sys.executable).with_name("groundswell")


@dataclass
class Platform:
    home: Path
    api: httpx.Client

    def groundswell(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command line as a user would, in another terminal."""
        done = subprocess.run(
            [str(CLI), *arguments],
            env=environment(self.home),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=280,
        )
        if ok:
            assert done.returncode == 0, done.stderr
        return done

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.groundswell("status", "--json").stdout)
        return found

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.api.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def settle(self, seconds: float = 240) -> None:
        """Wait until every agent and projection has read all there is."""
        deadline = time.monotonic() + seconds
        calm = 0
        while calm < 2:  # an agent's last flush is a projection's new input
            status = self.status()
            lags = [part["lag_events"] for part in (*status["agents"], *status["projections"])]
            calm = calm + 1 if all(lag == 0 for lag in lags) else 0
            if time.monotonic() > deadline:
                pytest.fail(f"not settled after {seconds} s: {status}")
            time.sleep(1.5)


# Secrets that no server here asks for, set as a user sets them: nothing may tell them.
PLANTED = {
    "KAFKA_SASL_PASSWORD": "planted-sasl-0c1b2e51f7",
    "SCHEMA_REGISTRY_BASIC_AUTH": "planted:planted-registry-77ab19",
    "OPENAI_VIDEO_WEBHOOK_SECRET": "whsec_cGxhbnRlZC13ZWJob29rLXNlY3JldC1vZi1vcGVuYWk=",
}

_OF_THE_MACHINE = (
    *("PATH", "PYTHONPATH", "HOME", "XDG_CACHE_HOME"),
    # The servers may have to be downloaded first.
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)


def environment(home: Path) -> dict[str, str]:
    """Of a user who has set nothing but the home, behind whatever proxy the machine is."""
    kept = {k: v for k, v in os.environ.items() if k in _OF_THE_MACHINE}
    ours = {"GROUNDSWELL_HOME": str(home), "API_PORT": "8000", "TEASER_MULTIPLE": "3.0"}
    return {**kept, **PLANTED, **ours}


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    home = tmp_path_factory.mktemp("platform")
    platform = Platform(home, httpx.Client())
    platform.groundswell("up", "--detach")
    try:
        status = platform.status()
        with httpx.Client(
            base_url=status["api"], headers={"X-API-Key": status["admin_key"]}, timeout=60
        ) as api:
            platform.api.close()
            platform.api = api
            yield platform
    finally:
        platform.groundswell("down")


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """Ask again until the answer is true; it is returned."""

    def ask(question: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while not (answer := question()):
            if time.monotonic() > deadline:
                pytest.fail(f"still {answer!r} after {seconds} s")
            time.sleep(0.25)
        return answer

    return ask
