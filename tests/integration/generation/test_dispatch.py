from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import fastavro
import psycopg
from psycopg_pool import AsyncConnectionPool

from schemas.catalogue import GENERATION_REQUESTS, OUTLIER_DETECTIONS, VIRALITY_SCORES
from schemas.chunks import Chunk
from schemas.codec import Codec
from schemas.deadletters import DeadLetter, facts_of
from schemas.publisher import Publisher
from schemas.topic import Topic
from streams.generation.dispatch.dispatch import Dispatcher
from tests.integration.generation.stories import types
from tests.unit.generation.requests import NOW, a_request
from tests.unit.schemas.fake_registry import FakeRegistry

REGISTRY: dict[int | UUID, Any] = {
    1: GENERATION_REQUESTS.schema,
    2: OUTLIER_DETECTIONS.schema,
    3: VIRALITY_SCORES.schema,
}


class Outbox(Publisher):
    """Keeps what would go to Kafka."""

    def __init__(self) -> None:
        self.codec = Codec(FakeRegistry(REGISTRY))
        self.letters: list[DeadLetter] = []
        self.published: list[dict[str, Any]] = []

    def send_dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        self.letters += letters

    def publish(self, topic: Topic, record: dict[str, Any], **options: Any) -> None:
        self.codec.encode(topic, record)
        self.published.append(record)

    def flush(self, timeout: float = 30.0) -> None:
        pass


def a_chunk(topic: Topic, values: list[bytes | None], first: int = 0) -> Chunk:
    count = len(values)
    offsets = range(first, first + count)
    now = int(NOW.timestamp() * 1000)
    return Chunk(topic.name, 0, offsets, [now] * count, [b"k"] * count, values, [()] * count)


def request_bytes(job_id: str, **changes: Any) -> bytes:
    record = {"event_id": f"e-{job_id}", "occurred_at": NOW, "job_id": job_id}
    return encoded(1, GENERATION_REQUESTS, {**record, **a_request(**changes)})


def encoded(ref: int, topic: Topic, record: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    stream.write(b"\0" + ref.to_bytes(4, "big"))
    fastavro.schemaless_writer(stream, fastavro.parse_schema(topic.schema), record)
    return stream.getvalue()


def queue_entries(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(
            "SELECT args->>'job_id', queue_name, priority, (args->>'attempt')::int"
            " FROM procrastinate_jobs ORDER BY id"
        ).fetchall()


def dispatch(dsn: str, outbox: Outbox, *chunks: Chunk, at_once: bool = False) -> list[int]:
    """Dead letters of each chunk, as the dispatcher counts them."""

    async def scenario() -> list[int]:
        async with AsyncConnectionPool(dsn, open=False) as pool:
            dispatcher = Dispatcher(pool, outbox)
            if at_once:
                return await asyncio.gather(*(dispatcher.handle(chunk) for chunk in chunks))
            return [await dispatcher.handle(chunk) for chunk in chunks]

    return asyncio.run(scenario())


def test_a_request_becomes_a_queued_job(prepared: str) -> None:
    values: list[bytes | None] = [request_bytes("a", priority="high"), request_bytes("b")]
    dispatch(prepared, Outbox(), a_chunk(GENERATION_REQUESTS, values))
    assert asyncio.run(types(prepared, "a")) == ["JobQueued"]
    assert queue_entries(prepared) == [("a", "high", 100, 1), ("b", "default", 0, 1)]


def test_a_request_is_dispatched_once_however_often_it_is_delivered(prepared: str) -> None:
    chunk = a_chunk(GENERATION_REQUESTS, [request_bytes("a")])
    again_elsewhere = a_chunk(GENERATION_REQUESTS, [request_bytes("a")], first=5)
    longer = a_chunk(GENERATION_REQUESTS, [request_bytes("a"), request_bytes("b")])
    dispatch(prepared, Outbox(), chunk, chunk, longer, again_elsewhere)
    assert [entry[0] for entry in queue_entries(prepared)] == ["a", "b"]


def test_two_dispatchers_with_the_same_chunk_dispatch_it_once(prepared: str) -> None:
    values: list[bytes | None] = [request_bytes(f"j{n}") for n in range(20)]
    chunk = a_chunk(GENERATION_REQUESTS, values)
    dispatch(prepared, Outbox(), chunk, chunk, chunk, at_once=True)
    assert [entry[0] for entry in queue_entries(prepared)] == [f"j{n}" for n in range(20)]


def test_bad_requests_become_dead_letters_and_good_ones_go_on(prepared: str) -> None:
    outbox = Outbox()
    values = [
        request_bytes("good"),
        b"\0\0\0\0\x01garbage",
        request_bytes("bad", width=1001, num_steps=0),
        request_bytes("../evil"),
        request_bytes("nul", prompt="a\0b"),
        None,
        b"",
        request_bytes("also-good"),
    ]
    assert dispatch(prepared, outbox, a_chunk(GENERATION_REQUESTS, values, first=100)) == [5]
    assert [entry[0] for entry in queue_entries(prepared)] == ["good", "also-good"]
    letters = {facts_of(letter.headers)["offset"]: letter for letter in outbox.letters}
    assert sorted(letters) == [101, 102, 103, 104, 106]
    assert letters[102].value == values[2]
    facts = facts_of(letters[102].headers)
    assert facts["component"] == "dispatcher"
    assert facts["key"] == b"k"
    assert "num_steps is a whole number from 1 to 100; width is a multiple" in facts["reason"]


def test_dead_letters_are_not_sent_again_for_what_was_consumed(prepared: str) -> None:
    outbox = Outbox()
    chunk = a_chunk(GENERATION_REQUESTS, [request_bytes("bad", num_steps=0)])
    assert dispatch(prepared, outbox, chunk, chunk) == [1, 0]
    assert len(outbox.letters) == 1


def test_nothing_is_dispatched_when_dead_letters_are_not_acknowledged(prepared: str) -> None:
    class Broken(Outbox):
        def flush(self, timeout: float = 30.0) -> None:
            raise ConnectionError("no broker")

    chunk = a_chunk(GENERATION_REQUESTS, [request_bytes("a"), request_bytes("bad", num_steps=0)])
    try:
        dispatch(prepared, Broken(), chunk)
    except ConnectionError:
        pass
    else:
        raise AssertionError("the failure was swallowed")
    assert queue_entries(prepared) == []
    outbox = Outbox()
    dispatch(prepared, outbox, chunk)
    assert [entry[0] for entry in queue_entries(prepared)] == ["a"]
    assert len(outbox.letters) == 1
