"""A worker takes as many records at once as it is told to."""

from __future__ import annotations

from streams.columnar.options import CHUNK_RECORDS, WorkerOptions, faust_settings

KAFKA = {"bootstrap.servers": "127.0.0.1:9"}


def test_a_fold_that_needs_much_memory_takes_smaller_chunks() -> None:
    usual = faust_settings(WorkerOptions("g", KAFKA))
    small = faust_settings(WorkerOptions("g", KAFKA, chunk_records=500))
    assert usual["broker_max_poll_records"] == CHUNK_RECORDS
    assert small["broker_max_poll_records"] == 500
    assert usual | {"broker_max_poll_records": 500} == small
