"""What runs, where, and how far behind it is: the facts behind `groundswell status`."""

from __future__ import annotations

from contextlib import closing
from itertools import chain
from time import monotonic, sleep
from typing import Any

import psycopg

from infra.lag import agent_lags, bounds, log_view, topic_sizes
from infra.settings import Settings
from infra.supervisor.daemon import read_stack
from infra.worker_metrics import figures, scrape
from projections.status import projection_lag

_RATE_SECONDS = 1.0  # between the two looks at the workers that a rate needs
_OF_PROCESS = ("name", "pid", "state", "since", "restarts", "agent", "metrics")


def gather(settings: Settings) -> dict[str, Any]:
    """What the contract says `status --json` prints, asked of the servers alone.

    Raises:
        KafkaAwayError: Kafka does not answer.
    """
    stack = read_stack(settings) or {}
    kafka = settings.kafka_config()
    with closing(log_view(kafka)) as view:
        found = bounds(view, kafka)
        agents = agent_lags(view, kafka, found)
    projections, problem = _projections(settings)
    return {
        "api": stack.get("api", f"http://{settings.api_host}:{settings.api_port}"),
        "kafka": settings.kafka_bootstrap_servers,
        "registry": settings.schema_registry_url,
        "postgres": settings.database_url,
        "redis": settings.redis_url,
        "youtube": settings.youtube_api_endpoint,
        "admin_key": stack.get("api_key"),
        "processes": [
            {name: process.get(name) for name in _OF_PROCESS}
            for process in stack.get("processes", [])
        ],
        "topics": topic_sizes(found),
        "projections": projections,
        "projections_unknown": problem,
        "agents": agents,
    }


def gather_measured(settings: Settings) -> dict[str, Any]:
    """`gather`, and with each agent what its workers measure. It takes a second or more.

    Raises:
        KafkaAwayError: Kafka does not answer.
    """
    urls = _workers(settings)
    before = scrape(chain.from_iterable(urls.values()))
    facts = gather(settings)
    if urls:
        sleep(max(0.0, before.at + _RATE_SECONDS - monotonic()))
    after = scrape(chain.from_iterable(urls.values()))
    for agent in facts["agents"]:
        agent |= figures(before, after, urls.get(agent["name"], []))
    return facts


def _workers(settings: Settings) -> dict[str, list[str]]:
    """Where the supervised workers of each agent serve their metrics."""
    urls: dict[str, list[str]] = {}
    for process in (read_stack(settings) or {}).get("processes", []):
        if process.get("metrics"):
            urls.setdefault(process["agent"], []).append(process["metrics"])
    return urls


def _projections(settings: Settings) -> tuple[list[dict[str, Any]], str | None]:
    """Their lag; or, where PostgreSQL does not answer, none and why."""
    try:
        with psycopg.connect(settings.dsn, connect_timeout=5) as connection:
            return [dict(lag) for lag in projection_lag(connection)], None
    except psycopg.OperationalError as error:
        return [], f"PostgreSQL does not answer: {' '.join(str(error).split())}"
