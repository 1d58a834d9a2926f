"""Metrics are served on loopback only, and never at the price of the work."""

from __future__ import annotations

import re
import socket
import urllib.request
from typing import Any

import psutil
import pytest
import structlog
from prometheus_client import metrics as prometheus_metrics
from prometheus_client.parser import text_string_to_metric_families

from streams.columnar.exposition import LOOPBACK, serve
from streams.columnar.metrics import FoldingMetrics


@pytest.fixture(autouse=True)
def _created_series_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting is the process's, and this process runs other tests too."""
    monkeypatch.setattr(prometheus_metrics, "_use_created", True)


def url_of(logged: list[Any]) -> str:
    return str(next(line["url"] for line in logged if line["event"] == "metrics"))


def test_a_free_port_of_loopback_is_taken_and_named() -> None:
    with structlog.testing.capture_logs() as logged:
        serve(FoldingMetrics("counting", "t").registry, 0)
    url = url_of(logged)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics", url)
    with urllib.request.urlopen(url, timeout=60) as answer:
        families = {f.name: f for f in text_string_to_metric_families(answer.read().decode())}
    assert "agent_flush_seconds" in families
    assert not [name for name in families if name.endswith("_created")]
    listening = [
        connection.laddr
        for connection in psutil.Process().net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    port = int(url.split(":")[2].partition("/")[0])
    assert [address.ip for address in listening if address.port == port] == [LOOPBACK]


def test_a_port_that_is_taken_does_not_stop_the_worker() -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        with structlog.testing.capture_logs() as logged:
            serve(FoldingMetrics("counting", "t").registry, port)
    (line,) = logged
    assert (line["log_level"], line["port"]) == ("error", port)
