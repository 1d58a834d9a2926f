"""What a worker says of itself is what happened on a real broker."""

from __future__ import annotations

import re
import subprocess
import time
import urllib.request

import psutil
from prometheus_client.parser import text_string_to_metric_families

from schemas.wire import prefix
from tests.chaos.independent import messages
from tests.integration.columnar.conftest import Pipeline
from tests.integration.columnar.topics import PARTITIONS

Samples = dict[str, float]


def metrics_url(pipeline: Pipeline, worker: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 120
    while not (found := re.search(r"http://[0-9.:]+/metrics", pipeline.log(worker))):
        assert time.monotonic() < deadline, pipeline.log(worker)[-2000:]
        time.sleep(0.05)
    return found.group()


def scrape(url: str) -> Samples:
    """Sums over partitions by sample name, without buckets."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        text = answer.read().decode()
    sums: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.endswith("_bucket"):
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    return sums


def test_figures_are_those_of_the_log_and_for_this_machine_alone(pipeline: Pipeline) -> None:
    pipeline.feed.raw(b"v1", b"no avro at all", partition=0)
    pipeline.feed.raw(b"v1", prefix(987_654) + b"x", partition=1)
    pipeline.feed.events(3_000)
    worker = pipeline.start_worker()
    url = metrics_url(pipeline, worker)
    pipeline.wait_until_caught_up()

    first = scrape(url)
    sent = sum(1 for _ in messages(pipeline.settings, pipeline.source.name, PARTITIONS))
    rows = [
        message.key() for message in messages(pipeline.settings, pipeline.output.name, PARTITIONS)
    ]
    assert first["agent_chunk_records_sum"] == sent
    assert first["agent_decode_seconds_count"] == first["agent_chunk_records_count"]
    assert first["agent_fold_seconds_count"] == first["agent_chunk_records_count"]
    assert first["agent_flushed_rows_total"] == len(rows)
    assert first["agent_dead_letters_total"] == 2
    assert first["agent_keys"] == len(set(rows))
    assert first["agent_dirty_rows"] == 0
    assert (first["agent_lag_events"], first["agent_lag_seconds"]) == (0, 0)
    assert first["agent_last_restore_seconds"] > 0
    assert first["process_resident_memory_bytes"] > 1_000_000
    listening = [
        f"http://{connection.laddr.ip}:{connection.laddr.port}/metrics"
        for connection in psutil.Process(worker.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == [url]
    assert url.startswith("http://127.0.0.1:")


def test_a_restored_worker_knows_its_keys_before_the_first_event(pipeline: Pipeline) -> None:
    pipeline.feed.events(1_000)
    killed = pipeline.start_worker()
    pipeline.wait_until_caught_up()
    keys = scrape(metrics_url(pipeline, killed))["agent_keys"]
    pipeline.kill(killed)
    url = metrics_url(pipeline, pipeline.start_worker())
    deadline = time.monotonic() + 120
    while "agent_keys" not in (restored := scrape(url)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert restored["agent_keys"] == keys > 0
    assert restored["agent_repaired_rows_total"] == 0


def test_partitions_that_go_to_another_worker_are_shown_there_alone(pipeline: Pipeline) -> None:
    pipeline.feed.events(1_000)
    first = pipeline.start_worker()
    pipeline.wait_until_caught_up()
    urls = [metrics_url(pipeline, first)]
    keys = scrape(urls[0])["agent_keys"]
    urls.append(metrics_url(pipeline, pipeline.start_worker()))
    deadline = time.monotonic() + 120
    while not all(found := [scrape(url).get("agent_keys") for url in urls]):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert sum(filter(None, found)) == keys
