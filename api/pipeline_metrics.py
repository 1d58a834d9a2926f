"""Figures of the pipeline for Prometheus, read from tables and queue when it asks.

They are the same whichever API process is asked, and cross the border between processes. What is
not in the tables, the agents serve themselves.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from api.database import Database, Row
from api.predictions.drifting import Drifting
from projections.status import Lag
from streams.generation.jobs.queue import QUEUES, Depth
from streams.generation.policy.ledger import Outcome
from streams.virality.drift.alarm import Drift

# Seconds. A render of a few seconds here, minutes with a provider elsewhere.
_BOUNDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_HEALTH = {"healthy": 1.0, "degraded": 0.5, "unhealthy": 0.0, "unknown": -1.0}
_INFINITY = float("inf")


async def exposition(database: Database, drifting: Drifting) -> bytes:
    """The metrics of projections, jobs and predictions as Prometheus reads them.

    Raises:
        psycopg.Error, PoolTimeout: the database is away, or has no tables yet.
    """
    lags = await database.projection_lag()
    families = list(_lags(lags))
    families += _jobs(
        await database.all("jobs.by_status", {"owner": None}),
        await database.all("jobs.processing_times", {"bounds": [*_BOUNDS, _INFINITY]}),
    )
    families += _queues(await database.queue_depths())
    families.append(_policy(await database.policy_outcomes()))
    families.append(_providers(await database.all("providers.health")))
    families += _drift(*await drifting.of_serving())
    registry = CollectorRegistry()
    registry.register(_Collected(families))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _lags(lags: Iterable[Lag]) -> Iterable[Metric]:
    events = GaugeMetricFamily(
        "projection_lag_events", "Events not yet in the tables.", labels=["projection"]
    )
    seconds = GaugeMetricFamily(
        "projection_lag_seconds", "Age of the oldest of them.", labels=["projection"]
    )
    for lag in lags:
        if lag["lag_events"] is not None:
            events.add_metric([lag["name"]], lag["lag_events"])
        if lag["lag_seconds"] is not None:
            seconds.add_metric([lag["name"]], lag["lag_seconds"])
    return events, seconds


def _providers(health: Iterable[Row]) -> Metric:
    status = GaugeMetricFamily(
        "provider_health_status",
        "1 healthy, 0.5 degraded, 0 unhealthy, -1 unknown.",
        labels=["provider"],
    )
    for row in health:
        status.add_metric([row["provider"]], _HEALTH[row["status"]])
    return status


def _jobs(by_status: list[Row], times: list[Row]) -> list[Metric]:
    counts = {row["status"]: row["jobs"] for row in by_status}
    ended = sum(counts.get(status, 0) for status in ("completed", "failed", "cancelled"))
    rate = GaugeMetricFamily(
        "job_completion_rate", "Share of the ended jobs, by how they ended.", labels=["status"]
    )
    jobs = GaugeMetricFamily("jobs", "Generation jobs by status.", labels=["status"])
    for status in ("queued", "processing", "completed", "failed", "cancelled"):
        jobs.add_metric([status], counts.get(status, 0))
        if ended and status in ("completed", "failed", "cancelled"):
            rate.add_metric([status], counts.get(status, 0) / ended)
    histogram = HistogramMetricFamily(
        "job_processing_time_seconds",
        "Time that completed jobs took.",
        buckets=[
            ("+Inf" if row["bound"] == _INFINITY else f"{row['bound']:g}", row["jobs"])
            for row in times
        ],
        sum_value=times[-1]["seconds"],
    )
    return [rate, jobs, histogram]


def _queues(waiting: Iterable[Depth]) -> list[Metric]:
    """Of every queue, also the empty ones: a scaler must see that nothing is left."""
    label = ["queue_name"]
    depth = GaugeMetricFamily(
        "job_queue_depth", "Attempts that are due and wait for a worker.", labels=label
    )
    oldest = GaugeMetricFamily(
        "job_queue_oldest_seconds", "Since when the oldest of them is due.", labels=label
    )
    found = {queue.queue_name: queue for queue in waiting}
    for name in QUEUES:
        queue = found.get(name, Depth(name, 0, 0.0))
        depth.add_metric([name], queue.depth)
        oldest.add_metric([name], queue.oldest_s)
    return [depth, oldest]


def _policy(outcomes: Iterable[Outcome]) -> Metric:
    judgements = CounterMetricFamily(
        "policy_judgements",
        "Events that called for a video, by what the rule made of it.",
        labels=["rule", "outcome"],
    )
    for one in outcomes:
        judgements.add_metric([one.rule, one.outcome], one.times)
    return judgements


def _drift(version: str, drift: Drift) -> list[Metric]:
    alarm = GaugeMetricFamily(
        "model_drift",
        "Whether the errors of the model that serves have grown.",
        labels=["model_version"],
    )
    alarm.add_metric([version], drift.worse)
    watched = GaugeMetricFamily(
        "model_actuals", "Newest predictions with actuals of it.", labels=["model_version"]
    )
    watched.add_metric([version], drift.watched)
    labels = ["model_version", "part"]
    error = GaugeMetricFamily(
        "model_error_log10", "Mean absolute error, before the last change and since.", labels=labels
    )
    coverage = GaugeMetricFamily(
        "model_coverage", "Share of actuals in the band, likewise.", labels=labels
    )
    for part, missed, held in (
        ("before", drift.error_before, drift.coverage_before),
        ("since", drift.error_after, drift.coverage_after),
    ):
        if missed is not None and held is not None:
            error.add_metric([version, part], missed)
            coverage.add_metric([version, part], held)
    return [alarm, watched, error, coverage]
