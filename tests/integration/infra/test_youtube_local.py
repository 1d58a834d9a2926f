"""The stack's own Data API: where there is no other, found by everybody, back after a crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.processes import PROCESSES, ProcessSpec, processes
from infra.settings import ADDRESSES, Settings
from infra.supervisor import Supervisor
from tests.integration.infra.waiting import until

SPEC = next(spec for spec in PROCESSES if spec.name == "youtube-local")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        groundswell_home=tmp_path / "home",
        api_port=0,
        kafka_bootstrap_servers="127.0.0.1:1",
        schema_registry_url="http://127.0.0.1:1",
        database_url="postgresql://127.0.0.1:1/d",
        redis_url="redis://127.0.0.1:1",
        artifacts_url="file:///nowhere",
        youtube_quota_per_day=123,
    )


def named(specs: tuple[ProcessSpec, ...]) -> set[str]:
    return {spec.name for spec in specs}


def test_it_is_one_of_the_processes_only_without_a_key_and_without_an_address(
    settings: Settings,
) -> None:
    rest = named(PROCESSES) - {"youtube-local"}

    assert named(processes(settings)) == named(PROCESSES)
    for other in ({"youtube_api_key": "k"}, {"youtube_api_endpoint": "http://127.0.0.1:1"}):
        elsewhere = Settings(_env_file=None, **{**settings.model_dump(exclude_none=True), **other})
        assert named(processes(elsewhere)) == rest


def test_it_serves_where_the_stack_says_and_comes_back_there(settings: Settings) -> None:
    with Supervisor(settings, [SPEC]) as supervisor:
        assert supervisor.await_running(120) == []
        endpoint = settings.resolved().youtube_api_endpoint
        assert endpoint is not None
        assert endpoint.startswith("http://127.0.0.1:")
        quota = httpx.get(f"{endpoint}/_local/quota?key=k").json()
        assert quota["limit"] == 123
        call = f"{endpoint}/youtube/v3/search?part=id&q=gaming&type=channel&key=k"
        found = httpx.get(call).json()["items"]
        assert len(found) == 5

        pid = json.loads(settings.stack_file.read_text())["processes"][0]["pid"]
        os.kill(pid, signal.SIGKILL)
        until(lambda: supervisor.describe()["processes"][0]["restarts"] == 1, "the restart")
        until(
            lambda: supervisor.describe()["processes"][0]["state"] == "running", "the second life"
        )
        assert settings.resolved().youtube_api_endpoint == endpoint
        assert httpx.get(call).json()["items"] == found


def stack_of(settings: Settings, **facts: Any) -> dict[str, Any]:
    """What a living supervisor writes that runs on these servers."""
    addresses = {name: getattr(settings, name) for name in ADDRESSES}
    addresses["youtube_api_endpoint"] = "http://127.0.0.1:1"
    return {"supervisor_pid": os.getpid(), "addresses": addresses, **facts}


def test_a_file_of_another_stack_says_nothing(settings: Settings) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    settings.stack_file.parent.mkdir(parents=True)
    others = stack_of(settings)
    others["addresses"]["redis_url"] = "redis://127.0.0.1:2"
    for stack in (stack_of(settings, supervisor_pid=dead.pid), others):
        settings.stack_file.write_text(json.dumps(stack))
        assert settings.resolved().youtube_api_endpoint is None


def test_a_key_of_one_s_own_means_google(settings: Settings, tmp_path: Path) -> None:
    stack = stack_of(settings)
    settings.stack_file.parent.mkdir(parents=True)
    settings.stack_file.write_text(json.dumps(stack))

    assert settings.resolved().youtube_api_endpoint == "http://127.0.0.1:1"
    keyed = settings.model_copy(update={"youtube_api_key": "k"})
    assert keyed.resolved().youtube_api_endpoint is None
    settings.stack_file.unlink()
    assert settings.resolved().youtube_api_endpoint is None  # nothing else needs a stack
