"""What waits, as figures that a scaler reads, and the manifest that reads them."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from projections.catalogue import PROJECTIONS
from projections.store import Store
from streams.generation.jobs import commands, queue
from streams.generation.jobs.events import JobQueued
from streams.generation.jobs.job_commands import Cancel, Queue
from streams.generation.policy import ledger
from streams.generation.policy.rules_file import teasers
from streams.work_queue.entries import defer_all
from tests.integration.api.conftest import Api, serving
from tests.integration.api.stand_in import StandInModels
from tests.integration.api.test_jobs import queued_facts

MANIFESTS = Path(__file__).parents[3] / "infra" / "kubernetes"
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)

Figures = dict[str, dict[tuple[tuple[str, str], ...], float]]


def figures(api: Api) -> Figures:
    found: Figures = {}
    for family in text_string_to_metric_families(api.stranger.get("/metrics").text):
        for sample in family.samples:
            of_name = found.setdefault(sample.name, {})
            of_name[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def of_queues(api: Api, name: str) -> dict[str, float]:
    return {dict(labels)["queue_name"]: value for labels, value in figures(api)[name].items()}


def change(api: Api, *steps: Callable[[psycopg.AsyncConnection[Any]], Any]) -> None:
    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(
            api.settings.dsn, autocommit=True
        ) as connection:
            for step in steps:
                await step(connection)

    asyncio.run(scenario())


def queued(job: str, priority: str) -> Callable[[psycopg.AsyncConnection[Any]], Any]:
    request = JobQueued(**queued_facts(priority=priority))
    return lambda connection: commands.decide(connection, job, Queue(NOW, request))


def test_depth_and_oldest_age_of_every_queue(api: Api, unique: Callable[[str], str]) -> None:
    assert of_queues(api, "job_queue_depth") == {"high": 0, "default": 0, "low": 0}
    assert of_queues(api, "job_queue_oldest_seconds") == {"high": 0, "default": 0, "low": 0}
    jobs = [unique("job") for _ in range(4)]
    now = dt.datetime.now(dt.UTC)
    later, soon = now + dt.timedelta(hours=1), now - dt.timedelta(seconds=500)
    change(
        api,
        queued(jobs[0], "high"),
        queued(jobs[1], "high"),
        queued(jobs[2], "low"),
        queued(jobs[3], "default"),
        # What is put off waits for its time, not for a worker; what is due waits for one.
        lambda connection: defer_all(
            connection,
            [
                queue.entry("x", 2, priority="default", at=later),
                queue.entry("y", 2, priority="default", at=soon),
            ],
        ),
        lambda connection: connection.execute(
            "UPDATE procrastinate_events AS e SET at = now() - interval '100 seconds'"
            " FROM procrastinate_jobs AS j WHERE j.id = e.job_id AND j.args->>'job_id' = %s",
            [jobs[0]],
        ),
    )
    assert of_queues(api, "job_queue_depth") == {"high": 2, "default": 2, "low": 1}
    oldest = of_queues(api, "job_queue_oldest_seconds")
    assert oldest["high"] == pytest.approx(100, abs=60)
    assert oldest["default"] == pytest.approx(500, abs=60)
    assert 0 <= oldest["low"] < 60
    change(api, lambda connection: commands.decide(connection, jobs[2], Cancel(NOW, "no more")))
    assert of_queues(api, "job_queue_depth")["low"] == 0
    assert of_queues(api, "job_queue_oldest_seconds")["low"] == 0


def test_where_nothing_was_ever_queued_the_figures_are_zero(api: Api, database: str) -> None:
    for projection in PROJECTIONS.values():
        with closing(Store(database, projection)) as store:
            store.open()
    settings = api.settings.model_copy(update={"database_url": database})
    with serving(settings, StandInModels()) as url:
        text = api.stranger.get(f"{url}/metrics").text
    for line in ('job_queue_depth{queue_name="high"} 0.0', "api_database_up 1.0"):
        assert line in text


def test_judgements_of_rules_are_counted(api: Api) -> None:
    change(api, lambda connection: ledger.count(connection, teasers(5.0), {ledger.ASKED: 3}))
    change(api, lambda connection: ledger.count(connection, teasers(5.0), {ledger.ASKED: 1}))
    counts = figures(api)["policy_judgements_total"]
    assert counts == {(("outcome", "asked"), ("rule", "teasers")): 4}


# What KEDA 2.x takes, from its published reference of ScaledObject and of the prometheus scaler.
SPEC = {
    "scaleTargetRef", "pollingInterval", "cooldownPeriod", "initialCooldownPeriod",
    "idleReplicaCount", "minReplicaCount", "maxReplicaCount", "fallback", "advanced", "triggers",
}  # fmt: skip
TRIGGER = {"type", "name", "metadata", "metricType", "useCachedMetrics", "authenticationRef"}
PROMETHEUS = {
    "serverAddress", "query", "threshold", "activationThreshold", "namespace", "customHeaders",
    "ignoreNullValues", "queryParameters", "unsafeSsl", "timeout", "authModes",
}  # fmt: skip


@pytest.fixture(scope="module")
def scaled() -> dict[str, Any]:
    text = (MANIFESTS / "generation-worker-scaling.yaml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_the_manifest_has_what_keda_takes(scaled: dict[str, Any]) -> None:
    assert (scaled["apiVersion"], scaled["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    spec = scaled["spec"]
    assert spec.keys() <= SPEC
    assert 1 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
    for trigger in spec["triggers"]:
        assert trigger.keys() <= TRIGGER
        assert trigger["type"] == "prometheus"
        assert trigger.get("metricType", "AverageValue") in ("AverageValue", "Value")
        assert {"serverAddress", "query", "threshold"} <= trigger["metadata"].keys() <= PROMETHEUS
        # Metadata is a map of strings: a bare number would be refused by the API server.
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        assert float(trigger["metadata"]["threshold"]) > 0
    names = [trigger["name"] for trigger in spec["triggers"]]
    assert len(names) == len(set(names))


def test_the_manifest_scales_the_worker_that_there_is(scaled: dict[str, Any]) -> None:
    from infra.run import ENTRY_POINTS

    deployment = yaml.safe_load((MANIFESTS / "generation-worker.yaml").read_text())
    assert scaled["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"][0] in ENTRY_POINTS
    assert "replicas" not in deployment["spec"], "it would fight with the scaler"


def test_the_manifest_asks_for_figures_that_the_api_tells(api: Api, scaled: dict[str, Any]) -> None:
    there = figures(api)
    used = set()
    for trigger in scaled["spec"]["triggers"]:
        query = trigger["metadata"]["query"]
        for name, _, selector in re.findall(r"\b(jobs?(?:_\w+)?)\b({([^}]*)})?(?![\w(])", query):
            used.add(name)
            assert name in there, query
            for label, pattern in re.findall(r'(\w+)=~?"([^"]*)"', selector):
                told = {dict(labels).get(label) for labels in there[name]}
                assert set(pattern.split("|")) <= told, query
        for label in re.findall(r"by \((\w+)\)", query):
            assert all(label in dict(labels) for labels in there[name])
    assert used == {"job_queue_depth", "job_queue_oldest_seconds", "jobs"}
