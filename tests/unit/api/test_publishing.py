"""Requests on their way to a broker that is slow, refuses, or is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError

from api import publishing
from api.errors import ApiError
from api.publishing import Publishing
from schemas.catalogue import VIDEO_UPLOADS
from schemas.errors import InvalidEventError
from schemas.publisher import Delivered, Publisher


class Acknowledged:
    """A broker's answer: the event stands at an offset of partition 0."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset


class Broker:
    """In the place of a publisher: keeps what it gets until it is told to answer."""

    def __init__(self) -> None:
        self.waiting: list[tuple[dict[str, Any], Delivered]] = []
        self.log: list[dict[str, Any]] = []
        self.answers = True

    def check(self, topic: Any, events: Sequence[dict[str, Any]]) -> list[Any]:
        return [InvalidEventError("n", "is wrong") if "bad" in event else b"x" for event in events]

    def publish_checked(self, topic: Any, records: Sequence[Any]) -> None:
        self.waiting += [(event, delivered) for event, _, delivered in records]

    def poll(self, timeout: float) -> None:
        while self.answers and self.waiting:
            event, delivered = self.waiting.pop(0)
            if "error" in event:
                delivered(KafkaError(event["error"]), None)
            else:
                delivered(None, cast("Any", Acknowledged(len(self.log))))
                self.log.append(event)

    def flush(self, timeout: float) -> None:
        self.poll(timeout)


@pytest.fixture
def broker() -> Broker:
    return Broker()


def told(broker: Broker, story: Any) -> Any:
    """What a story comes to, which is told with a running `Publishing`."""
    ours = Publishing(cast("Publisher", broker))
    ours.start()

    async def whole() -> Any:
        async with asyncio.timeout(60):
            return await story(ours)

    try:
        return asyncio.run(whole())
    finally:
        ours.close()


def events(count: int, **facts: Any) -> list[dict[str, Any]]:
    return [{"n": n, **facts} for n in range(count)]


def test_the_answer_has_the_positions_of_the_good_and_the_faults_of_the_bad(
    broker: Broker,
) -> None:
    mixed = [{"n": 0}, {"bad": 1}, {"n": 2}, {"error": KafkaError.MSG_SIZE_TOO_LARGE}]
    outcome = told(broker, lambda ours: ours.publish(VIDEO_UPLOADS, mixed))
    assert {index: str(one) for index, one in outcome.positions.items()} == {
        0: "video.uploads.v1/0/0",
        2: "video.uploads.v1/0/1",
    }
    assert set(outcome.rejected) == {1, 3}
    assert "refused" in str(outcome.rejected[3])
    assert str(outcome.last) == "video.uploads.v1/0/1"


def test_nothing_good_needs_no_broker(broker: Broker) -> None:
    broker.answers = False
    outcome = told(broker, lambda ours: ours.publish(VIDEO_UPLOADS, [{"bad": 1}]))
    assert set(outcome.rejected) == {0}
    assert outcome.last is None


def test_a_refusal_that_may_pass_asks_for_the_events_again(broker: Broker) -> None:
    one = [{"n": 0}, {"error": KafkaError.NOT_ENOUGH_REPLICAS}]
    with pytest.raises(ApiError, match="same event_ids") as raised:
        told(broker, lambda ours: ours.publish(VIDEO_UPLOADS, one))
    assert (raised.value.status, raised.value.code) == (503, "KAFKA_UNAVAILABLE")


def test_a_silent_broker_is_told_and_what_it_gets_later_does_no_harm(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "ACK_SECONDS", 0.2)
    broker.answers = False

    async def story(ours: Publishing) -> Any:
        with pytest.raises(ApiError, match="did not acknowledge") as raised:
            await ours.publish(VIDEO_UPLOADS, events(3))
        broker.answers = True
        return raised.value, await ours.publish(VIDEO_UPLOADS, events(1))

    refused, outcome = told(broker, story)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
    assert outcome.positions[0].offset == 3


@pytest.mark.parametrize(("silent", "status"), [(60.0, 429), (-1.0, 503)])
def test_more_than_is_taken_at_a_time_is_asked_to_come_back(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, silent: float, status: int
) -> None:
    monkeypatch.setattr(publishing, "OPEN_EVENTS", 10)
    monkeypatch.setattr(publishing, "SILENT_SECONDS", silent)
    broker.answers = False

    async def story(ours: Publishing) -> Any:
        first = asyncio.create_task(ours.publish(VIDEO_UPLOADS, events(8)))
        while len(broker.waiting) < 8:
            await asyncio.sleep(0.01)
        with pytest.raises(ApiError) as raised:
            await ours.publish(VIDEO_UPLOADS, events(3))
        assert len(broker.waiting) == 8
        broker.answers = True
        await first
        assert len((await ours.publish(VIDEO_UPLOADS, events(3))).positions) == 3
        return raised.value

    refused = told(broker, story)
    assert refused.status == status
    assert refused.headers["Retry-After"]


def test_so_is_who_sends_too_many_bytes(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "OPEN_BYTES", 100)

    async def story(ours: Publishing) -> Any:
        with pytest.raises(ApiError) as raised:
            await ours.publish_read(VIDEO_UPLOADS, lambda: events(1), size=101)
        await ours.publish_read(VIDEO_UPLOADS, lambda: events(1), size=100)
        return raised.value

    assert told(broker, story).status in (429, 503)
    assert len(broker.log) == 1
