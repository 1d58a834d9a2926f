"""What runs, where, and how far behind it is: the facts behind `groundswell status`."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg

from infra.lag import agent_lags, bounds, log_view, topic_sizes
from infra.settings import Settings
from infra.supervisor.daemon import read_stack
from projections.status import projection_lag


def gather(settings: Settings) -> dict[str, Any]:
    """What the contract says `status --json` prints.

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
        "admin_key": stack.get("api_key"),
        "processes": [
            {name: process.get(name) for name in ("name", "pid", "state", "since", "restarts")}
            for process in stack.get("processes", [])
        ],
        "topics": topic_sizes(found),
        "projections": projections,
        "projections_unknown": problem,
        "agents": agents,
    }


def _projections(settings: Settings) -> tuple[list[dict[str, Any]], str | None]:
    """Their lag; or, where PostgreSQL does not answer, none and why."""
    try:
        with psycopg.connect(settings.dsn, connect_timeout=5) as connection:
            return [dict(lag) for lag in projection_lag(connection)], None
    except psycopg.OperationalError as error:
        return [], f"PostgreSQL does not answer: {' '.join(str(error).split())}"
