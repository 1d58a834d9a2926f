"""Figures of agents from what their workers answer; a worker that does not is no zero."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator

import pytest
from prometheus_client import start_http_server

from infra.worker_metrics import Scrape, figures, quantile, scrape
from schemas.chunks import Chunk
from streams.columnar.handler import TopicPartition
from streams.columnar.metrics import FoldingMetrics, Metrics

BUCKETS = [(1.0, 2.0), (10.0, 6.0), (100.0, 10.0), (math.inf, 12.0)]


@pytest.mark.parametrize(
    ("share", "value"),
    [
        (0.0, 0.0),
        (1 / 12, 0.5),
        (2 / 12, 1.0),
        (0.5, 10.0),
        (8 / 12, 55.0),
        (0.99, 100.0),  # beyond the last finite bound nobody knows
    ],
)
def test_quantiles_are_interpolated_within_their_bucket(share: float, value: float) -> None:
    assert quantile(BUCKETS, share) == pytest.approx(value)


def test_empty_buckets_hold_no_quantile() -> None:
    assert quantile([(1.0, 0.0), (2.0, 0.0), (4.0, 2.0), (math.inf, 2.0)], 0.5) == 3.0


class Worker:
    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._server, self._thread = start_http_server(0, "127.0.0.1", metrics.registry)
        self.url = f"http://127.0.0.1:{self._server.server_port}/metrics"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    """Two workers of one agent."""
    started = [Worker(FoldingMetrics("counting", "t")) for _ in range(2)]
    yield started
    for worker in started:
        worker.stop()


def chunk(records: int) -> Chunk:
    nothing = [None] * records
    return Chunk("t", 0, range(records), [0] * records, nothing, nothing, [()] * records)


def test_workers_of_an_agent_are_added_up(workers: list[Worker]) -> None:
    urls = [worker.url for worker in workers]
    before = scrape(urls)
    for number, worker in enumerate(workers):
        metrics = worker.metrics
        assert isinstance(metrics, FoldingMetrics)
        metrics.processed(chunk(100))
        metrics.flushed(7)
        metrics.buried("t", 1)
        metrics.restored(2.0 + number)
        for partition in range(2):
            metrics.set_rows(TopicPartition("t", 2 * number + partition), keys=10, dirty=3)
    after = scrape(urls)
    found = figures(before, after, urls)
    assert found["up"] is True
    assert found["events_per_second"] == pytest.approx(200 / (after.at - before.at), rel=0.01)
    assert found["chunk_records"] == {"mean": 100.0, "p50": 55.0, "p99": 99.1}
    assert (found["rows_flushed"], found["dead_letters"]) == (14, 2)
    assert (found["keys"], found["dirty_rows"], found["parked_keys"]) == (40, 12, None)
    assert found["last_restore_seconds"] == 3.0
    assert found["flush_seconds"] is None
    assert found["rss_bytes"] > 2_000_000


def test_a_worker_that_does_not_answer_is_down_and_the_other_still_counts(
    workers: list[Worker],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as dead:  # it takes connections and says nothing
        urls = [workers[0].url, f"http://127.0.0.1:{dead.getsockname()[1]}/metrics"]
        before, after = scrape(urls), scrape(urls)
    found = figures(before, after, urls)
    assert (found["up"], found["rows_flushed"], found["events_per_second"]) == (False, 0, 0.0)
    alone = figures(before, after, urls[1:])
    assert alone.pop("up") is False
    assert set(alone.values()) == {None}


def test_an_agent_without_workers_here_is_neither_up_nor_down() -> None:
    nobody = scrape([])
    assert set(figures(nobody, nobody, []).values()) == {None}


def test_a_worker_that_began_anew_has_no_rate(workers: list[Worker]) -> None:
    first, second = workers
    first.metrics.processed(chunk(100))
    before, after = scrape([first.url]), scrape([second.url])
    reborn = Scrape(after.at, {first.url: after.samples[second.url]})
    assert figures(before, reborn, [first.url])["events_per_second"] is None


def test_an_agent_that_keeps_no_state_tells_what_it_has(workers: list[Worker]) -> None:
    plain = Worker(Metrics("dispatcher", "t"))
    try:
        found = figures(scrape([plain.url]), scrape([plain.url]), [plain.url])
    finally:
        plain.stop()
    assert (found["up"], found["dead_letters"], found["rows_flushed"]) == (True, 0, None)
