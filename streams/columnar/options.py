"""What a worker is told from outside."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust

from streams.columnar.kafka.connection import aiokafka_options

SCHEME = "columnar"

# Of a backlog: larger ones cost memory and latency, smaller ones the overhead of each call.
CHUNK_RECORDS = 60_000
_WAITING_CHUNKS = 8
_FETCH_BYTES = 16 << 20


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker connects and paces itself.

    Attributes:
        group: consumer group.
        kafka: connection settings (librdkafka's names).
        flush_seconds: longest pause between flushes; it is shorter where they are quick.
        watchdog_seconds: without progress for so long, the worker ends itself.
        metrics_port: of loopback; 0 is any free one.
        chunk_records: records of a chunk at most; None is `CHUNK_RECORDS`. A fold that needs much
            memory for each of them takes fewer.
    """

    group: str
    kafka: Mapping[str, str]
    flush_seconds: float = 1.0
    watchdog_seconds: float = 60.0
    metrics_port: int = 0
    chunk_records: int | None = None


def faust_settings(options: WorkerOptions) -> dict[str, Any]:
    """The settings of the Faust app."""
    connection = aiokafka_options(options.kafka)
    servers = connection["bootstrap_servers"].split(",")
    settings: dict[str, Any] = {
        "broker": ";".join(f"{SCHEME}://{server.strip()}" for server in servers),
        "store": "memory://",
        "datadir": Path(tempfile.gettempdir())
        / f"faust-{options.group}",  # Faust makes it, and leaves it empty
        "autodiscover": False,
        "web_enabled": False,
        "broker_max_poll_records": options.chunk_records or CHUNK_RECORDS,
        "broker_session_timeout": 10.0,
        "broker_heartbeat_interval": 3.0,
        "consumer_max_fetch_size": _FETCH_BYTES,
        "consumer_auto_offset_reset": "earliest",
        "stream_buffer_maxsize": _WAITING_CHUNKS,
        "stream_wait_empty": False,
        "stream_recovery_delay": 0.0,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
    }
    context: ssl.SSLContext | None = connection.get("ssl_context")
    if "sasl_mechanism" in connection:
        settings["broker_credentials"] = faust.SASLCredentials(
            username=connection["sasl_plain_username"],
            password=connection["sasl_plain_password"],
            mechanism=connection["sasl_mechanism"],
            ssl_context=context,
        )
    elif context is not None:
        settings["broker_credentials"] = faust.SSLCredentials(context)
    return settings
