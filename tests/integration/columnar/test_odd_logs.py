"""Logs with everything in them that is no event, or one of an odd kind."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import httpx
from confluent_kafka import Producer

from schemas.wire import prefix
from tests.chaos.independent import messages
from tests.integration.columnar.conftest import Pipeline
from tests.integration.columnar.topics import PARTITIONS


def test_what_is_no_event_is_buried_and_the_rest_counts(struck: Pipeline) -> None:
    feed = struck.feed
    feed.raw(b"v1", b"poison at the beginning", partition=0)
    feed.events(300)
    values = some_values(struck)
    for value in values[:20]:
        feed.raw(None, value)  # no key: it falls anywhere
        feed.raw(b"v1", None)  # a tombstone
        for partition in range(PARTITIONS):
            feed.raw(b"?", value, partition=partition)  # a partitioner of one's own
    written_by_an_older_schema(struck, 50)
    taken_back, kept = values[20:40], values[40:60]
    transaction(struck, taken_back, commit=False)
    feed.events(300)
    transaction(struck, kept, commit=True)
    feed.raw(b"v1", b"poison at the end", partition=1)
    feed.flush()
    worker = struck.start_worker(horizon=0, chunk_records=97)
    struck.horizon = 0
    struck.wait_until_caught_up()
    struck.assert_exact()
    expected, _ = struck.recount()
    letters = {m.key() for m in messages(struck.settings, struck.source.dlq, 1)}
    assert len(letters) == expected.unusable == 2
    assert "keys in a partition that is not theirs" in struck.log(worker)


def test_a_log_of_nothing_but_poison_is_read_to_its_end(struck: Pipeline) -> None:
    for number in range(40):
        struck.feed.raw(b"v1", b"poison %d" % number, partition=number % PARTITIONS)
    struck.feed.flush()
    worker = struck.start_worker()
    struck.wait_until_caught_up()
    assert worker.poll() is None
    letters = {m.key() for m in messages(struck.settings, struck.source.dlq, 1)}
    assert len(letters) == 40
    assert struck.ends(struck.output) == [0] * PARTITIONS


def some_values(struck: Pipeline) -> list[bytes]:
    found = messages(struck.settings, struck.source.name, PARTITIONS)
    return [value for m in found if (value := m.value()) and value[:1] == b"\0"][:60]


def written_by_an_older_schema(struck: Pipeline, count: int) -> None:
    """Events of a producer that knows fewer fields, in another order."""
    newer = struck.source.schema
    older = {**newer, "fields": newer["fields"][8::-1]}
    url = f"{struck.settings.registry_config()['url']}/subjects/{struck.source.subject}/versions"
    answer = httpx.post(url, json={"schema": json.dumps(older)}).raise_for_status()
    parsed = fastavro.parse_schema(older, named_schemas={})
    for number in range(count):
        body = io.BytesIO()
        event: dict[str, Any] = {
            "event_id": f"old-{number}",
            "occurred_at": 1_700_000_000_000_000 + number,
            "video_id": f"v{number % 9}",
            "channel_id": "c1",
            "viewer_id": f"u{number}",
            "session_id": None,
            "kind": ["view", "like", "unlike"][number % 3],
            "watch_ms": number,
            "country": None,
        }
        fastavro.schemaless_writer(body, parsed, event)
        key = event["video_id"].encode()
        struck.feed.raw(key, prefix(answer.json()["id"]) + body.getvalue())


def transaction(struck: Pipeline, values: list[bytes], *, commit: bool) -> None:
    """Events in a transaction that is kept or taken back; its marker takes an offset too."""
    name = f"{struck.source.name}-{commit}"
    producer = Producer(
        {
            **struck.settings.kafka_config(),
            "transactional.id": name,
            "partitioner": "murmur2_random",
            "log_level": 0,
        }
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    schema = fastavro.parse_schema(struck.source.schema, named_schemas={})
    for value in values:
        event: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
        producer.produce(struck.source.name, value, event["video_id"].encode())
    producer.flush(30)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)
