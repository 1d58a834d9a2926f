"""A broker that is killed, started again and paused while batches are published."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from api.errors import ApiError
from api.publishing import OPTIONS, Publishing
from schemas.catalogue import VIDEO_UPLOADS
from schemas.codec import Codec
from schemas.publisher import Position, Publisher
from tests.chaos.broker import Broker, broker
from tests.unit.schemas.fake_registry import FakeRegistry

BATCH = 50
CLIENTS = 4
CODEC = Codec(FakeRegistry({1: VIDEO_UPLOADS.schema}))


def batch(client: int, number: int) -> list[dict[str, Any]]:
    now = dt.datetime.now(dt.UTC)
    return [
        {
            "event_id": f"{client}-{number}-{row}",
            "occurred_at": now,
            "video_id": f"v{row}",
            "channel_id": "c",
            "title": "t",
            "published_at": now,
        }
        for row in range(BATCH)
    ]


async def published(
    ours: Publishing, client: int, stop: asyncio.Event
) -> tuple[dict[Position, str], int]:
    """What was acknowledged, with its event's id; and how many batches were not."""
    acknowledged: dict[Position, str] = {}
    refused = number = 0
    while not stop.is_set():
        events = batch(client, number)
        try:
            outcome = await ours.publish(VIDEO_UPLOADS, events)
        except ApiError as error:
            assert error.status in (429, 503)
            assert error.headers["Retry-After"]
            refused += 1
            await asyncio.sleep(0.2)
        else:
            acknowledged |= {at: events[row]["event_id"] for row, at in outcome.positions.items()}
        number += 1
    return acknowledged, refused


async def strikes(server: Broker) -> None:
    await asyncio.sleep(2.0)
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(4.0)
    await asyncio.to_thread(server.start)
    await asyncio.sleep(2.0)
    server.pause()
    await asyncio.sleep(4.0)
    server.resume()
    await asyncio.sleep(4.0)


async def story(ours: Publishing, server: Broker) -> tuple[dict[Position, str], int]:
    stop = asyncio.Event()
    clients = [asyncio.create_task(published(ours, one, stop)) for one in range(CLIENTS)]
    await strikes(server)
    stop.set()
    found = await asyncio.gather(*clients)
    return {at: one for part, _ in found for at, one in part.items()}, sum(n for _, n in found)


def stored(kafka: dict[str, str]) -> dict[Position, str]:
    """The ids of the events of the topic by where they stand."""
    consumer = Consumer({**kafka, "group.id": "faults"})
    found: dict[Position, str] = {}
    try:
        for partition in range(VIDEO_UPLOADS.partitions):
            place = TopicPartition(VIDEO_UPLOADS.name, partition, 0)
            end = consumer.get_watermark_offsets(place, timeout=60)[1]
            consumer.assign([place])
            read = 0
            while read < end:
                message = consumer.poll(60)
                assert message is not None
                assert message.error() is None
                read = (message.offset() or 0) + 1
                event = CODEC.decode(VIDEO_UPLOADS, message.value() or b"", message.headers())
                found[Position(VIDEO_UPLOADS.name, partition, read - 1)] = event["event_id"]
    finally:
        consumer.close()
    return found


@pytest.mark.slow
def test_whatever_is_acknowledged_stands_where_the_answer_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.publishing.ACK_SECONDS", 2.0)
    with broker() as server:
        kafka = {"bootstrap.servers": server.address, "log_level": "0"}
        topic = NewTopic(VIDEO_UPLOADS.name, VIDEO_UPLOADS.partitions, 1)
        admin = AdminClient(kafka)
        admin.create_topics([topic])[VIDEO_UPLOADS.name].result(60)
        ours = Publishing(Publisher(kafka, CODEC, source="/tests", options=OPTIONS))
        ours.start()
        try:
            acknowledged, refused = asyncio.run(story(ours, server))
        finally:
            ours.close()
        log = stored(kafka)
    assert len(acknowledged) > 10 * BATCH
    assert refused > 0
    lost = {at: one for at, one in acknowledged.items() if log.get(at) != one}
    assert lost == {}
