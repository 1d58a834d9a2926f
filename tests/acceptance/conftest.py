"""The whole platform, started as a user starts it: one for the run, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.errors import UndefinedTable

from infra.lag import agent_lags, bounds, log_view
from infra.settings import Settings
from infra.stack_status import gather
from projections.catalogue import PROJECTIONS

CALM = 3  # looks in a row: an agent's last flush is the next one's new input
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

    @cached_property
    def settings(self) -> Settings:
        return Settings(_env_file=None, groundswell_home=self.home).resolved()

    def status(self) -> dict[str, Any]:
        """What a user is shown, with what the workers measure: it takes seconds."""
        found: dict[str, Any] = json.loads(self.groundswell("status", "--json").stdout)
        return found

    def facts(self) -> dict[str, Any]:
        """The same without what the workers measure, asked from here."""
        return gather(self.settings)

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.api.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def settle(self, seconds: float = 240) -> None:
        """Wait until every agent and projection has read all there is."""
        deadline = time.monotonic() + seconds
        calm = 0
        while calm < CALM:
            behind = self._behind()
            calm = 0 if behind else calm + 1
            if time.monotonic() > deadline:
                pytest.fail(f"not settled after {seconds} s: {behind}")
            time.sleep(0.2)

    def _behind(self) -> list[Any]:
        """Agents and projections that have not read what the log had a moment ago."""
        kafka = self.settings.kafka_config()
        with closing(log_view(kafka)) as view:
            found = bounds(view, kafka)
            agents = [lag for lag in agent_lags(view, kafka, found) if lag["lag_events"] != 0]
        query = "SELECT projection, topic, partition, next_offset FROM projection_checkpoints"
        read: dict[tuple[str, str, int], int] = {}
        with psycopg.connect(self.settings.dsn) as connection, suppress(UndefinedTable):
            read = {(name, topic, n): at for name, topic, n, at in connection.execute(query)}
        projections = [
            (name, topic, partition)
            for name, projection in PROJECTIONS.items()
            for (topic, partition), (_, end) in found.items()
            if topic in projection.topics and read.get((name, topic, partition), -1) < end
        ]
        return [*agents, *projections]


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
    "JAVA_TOOL_OPTIONS",  # see fix_servers
)


def environment(home: Path) -> dict[str, str]:
    """Of a user who has set nothing but the home, behind whatever proxy the machine is."""
    kept = {k: v for k, v in os.environ.items() if k in _OF_THE_MACHINE}
    ours = {"GROUNDSWELL_HOME": str(home), "API_PORT": "8000", "TEASER_MULTIPLE": "3.0"}
    return {**kept, **PLANTED, **ours}


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One for these tests; those of other rooms need its memory and its share of the machine."""
    home = tmp_path_factory.mktemp("platform")
    platform = Platform(home, httpx.Client())
    platform.groundswell("up", "--detach")
    try:
        status = platform.facts()
        with httpx.Client(
            base_url=status["api"], headers={"X-API-Key": status["admin_key"]}, timeout=120
        ) as api:
            platform.api.close()
            platform.api = api
            yield platform
    finally:
        platform.groundswell("down")


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """Ask again until the answer is true; it is returned."""

    def ask(question: Callable[[], Any], seconds: float = 120) -> Any:
        deadline = time.monotonic() + seconds
        while not (answer := question()):
            if time.monotonic() > deadline:
                pytest.fail(f"still {answer!r} after {seconds} s")
            time.sleep(0.25)
        return answer

    return ask
