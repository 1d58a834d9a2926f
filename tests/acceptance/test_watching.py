"""`groundswell status` shows what the agents do, and that one is dead."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from infra.stack_status import gather_measured
from schemas.agents import AGENTS
from tests.acceptance.conftest import Platform


def agents(status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {agent["name"]: agent for agent in status["agents"]}


def worker(status: dict[str, Any], agent: str) -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in status["processes"] if p["agent"] == agent)
    return found


def publish(platform: Platform, video: str, count: int) -> None:
    events = [
        {"video_id": video, "channel_id": "c1", "viewer_id": f"u{n}", "kind": "view"}
        for n in range(count)
    ]
    answer = platform.api.post("/api/v1/events/engagement.events.v1", json=events)
    assert answer.status_code == 202, answer.text


def test_the_status_has_the_figures_of_every_agent(platform: Platform) -> None:
    publish(platform, f"watched-{uuid.uuid4().hex[:8]}", 200)
    platform.settle()
    status = platform.status()
    found = agents(status)
    assert list(found) == list(AGENTS)
    assert all(agent["up"] and agent["rss_bytes"] > 1_000_000 for agent in found.values())
    virality = found["virality"]
    assert (virality["lag_events"], virality["dirty_rows"]) == (0, 0)
    assert virality["chunk_records"]["mean"] > 0
    assert virality["rows_flushed"] >= 1
    assert virality["keys"] >= 1
    for times in ("decode_seconds", "fold_seconds", "flush_seconds"):
        assert 0 < virality[times]["p50"] <= virality[times]["p99"]
    assert found["dispatcher"]["rows_flushed"] is None

    shown = platform.groundswell("status").stdout
    count = len(AGENTS)
    said = [line for line in shown.splitlines() if line]
    lines = {line.rsplit(maxsplit=count)[0]: line.split()[-count:] for line in said}
    assert lines["up"] == ["yes"] * count
    assert lines["rows flushed"][0] == f"{virality['rows_flushed']:,}"


def lags(url: str) -> set[tuple[str, str]]:
    """Agents and topics whose lag is served there; none before partitions are assigned."""
    text = httpx.get(url, trust_env=False).text
    return {
        (sample.labels["agent"], sample.labels["topic"])
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name == "agent_lag_events"
    }


def test_prometheus_finds_a_worker_where_the_status_says(
    platform: Platform, until: Callable[..., Any]
) -> None:
    status = platform.facts()
    for agent, topics in AGENTS.items():
        url = worker(status, agent)["metrics"]
        served = until(lambda url=url: lags(url))
        # The dispatcher reads a source of the policy only where a rule looks at it.
        assert (agent, topics[0].name) in served
        assert served <= {(agent, topic.name) for topic in topics}
        assert agent == "dispatcher" or len(served) == len(topics)


def test_no_process_of_the_stack_listens_beyond_this_machine(platform: Platform) -> None:
    listening = [
        (process["name"], connection.laddr.ip)
        for process in platform.facts()["processes"]
        for connection in psutil.Process(process["pid"]).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {name for name, _ in listening} == {
        "virality-agent",
        "outlier-agent",
        "channel-shift-agent",
        "forecast-agent",
        "actuals-agent",
        "dispatcher",
        "poller",
        "youtube-local",
        "api",
    }
    assert {address for _, address in listening} == {"127.0.0.1"}


def test_a_dead_worker_shows_as_such_until_it_is_back(
    platform: Platform, until: Callable[..., Any]
) -> None:
    before = worker(platform.facts(), "outliers")
    os.kill(before["pid"], signal.SIGSTOP)  # alive for the supervisor, and silent
    try:
        dead = agents(platform.status())["outliers"]
    finally:
        os.kill(before["pid"], signal.SIGKILL)
    assert (dead["up"], dead["keys"], dead["rss_bytes"]) == (False, None, None)
    assert dead["lag_events"] is not None  # Kafka knows
    until(lambda: agents(gather_measured(platform.settings))["outliers"]["up"])
    after = worker(platform.facts(), "outliers")
    assert (after["metrics"], after["restarts"]) == (before["metrics"], before["restarts"] + 1)
