"""What a sink sends is in the log as it was: each row once, under its key, in its order."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import fastavro
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from infra.settings import Settings
from schemas import encoding
from schemas.catalogue import VIRALITY_SCORES
from schemas.deadletters import DeadLetter
from schemas.publisher import producer_config
from schemas.topic import MAX_LETTER_BYTES, Topic
from schemas.wire import prefix
from streams.columnar.handler import TopicPartition
from streams.columnar.sink import NotAcknowledgedError, Sink
from tests.chaos.broker import Broker
from tests.chaos.independent import messages
from tests.integration.columnar.topics import PARTITIONS
from tests.unit.columnar.frames import scores
from tests.unit.schemas.fake_registry import FakeRegistry


@pytest.fixture
def topic(stack_settings: Settings, unique: Callable[[str], str]) -> Topic:
    return made(stack_settings, unique("scores"))


def made(settings: Settings, name: str, **config: str) -> Topic:
    topic = replace(VIRALITY_SCORES, name=name, partitions=PARTITIONS)
    admin = AdminClient(settings.kafka_config())
    wanted = NewTopic(name, PARTITIONS, 1, config={**topic.config(), **config})
    admin.create_topics([wanted])[name].result()
    return topic


def sink_of(settings: Settings) -> Sink:
    quiet = {**settings.kafka_config(), "log_level": "0"}
    return Sink(quiet, FakeRegistry({7: VIRALITY_SCORES.schema}))


def records(settings: Settings, topic: Topic) -> list[dict[str, Any]]:
    """Decoded one at a time, with their places."""
    schema = fastavro.parse_schema(topic.schema, named_schemas={})
    found = []
    for message in messages(settings, topic.name, topic.partitions):
        record: Any = fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), schema, None)
        found.append({**record, "_partition": message.partition(), "_offset": message.offset()})
    return sorted(found, key=lambda row: (row["_partition"], row["_offset"]))


def keys_of(settings: Settings, topic: Topic, partition: int) -> list[str]:
    return [
        str(message.key(), "utf-8")
        for message in messages(settings, topic.name, topic.partitions)
        if message.partition() == partition
    ]


def test_rows_are_read_back_as_they_were_sent(
    stack_settings: Settings, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "_BLOCK", 300)
    sink = sink_of(stack_settings)
    reasons = ["", "ünïcödé", "long " * 300]
    first = scores([f"v{n}" * (n % 5) for n in range(1_000)], reasons=reasons)
    second = scores([f"w{n}" for n in range(700)], reasons=reasons)
    assert sink.send(topic, first, partition=1) == 1_000
    assert sink.send(topic, second, partition=0) == 700
    sink.acknowledged(30)
    assert records(stack_settings, topic) == [
        {**row, "_partition": partition, "_offset": offset}
        for partition, frame in enumerate((second, first))
        for offset, row in enumerate(frame.to_dicts())
    ]
    assert {m.value()[:5] for m in messages(stack_settings, topic.name, topic.partitions)} == {
        prefix(7)
    }
    assert keys_of(stack_settings, topic, 0) == second["video_id"].to_list()
    assert keys_of(stack_settings, topic, 1) == first["video_id"].to_list()


def test_without_a_partition_the_keys_choose_the_one_that_every_client_chooses(
    stack_settings: Settings, topic: Topic, unique: Callable[[str], str]
) -> None:
    videos = [f"video {n}" for n in range(200)]
    sink = sink_of(stack_settings)
    sink.send(topic, scores(videos))
    sink.acknowledged(30)
    other = made(stack_settings, unique("scores"))
    producer = Producer(producer_config(stack_settings.kafka_config()))
    for video in videos:
        producer.produce(other.name, b"-", video.encode())
    assert producer.flush(30) == 0
    for partition in range(PARTITIONS):
        keys = keys_of(stack_settings, topic, partition)
        assert keys == keys_of(stack_settings, other, partition)
        assert keys


def test_it_counts_the_rows_of_each_partition_since_they_were_last_acknowledged(
    stack_settings: Settings, topic: Topic
) -> None:
    sink = sink_of(stack_settings)
    assert sink.acknowledged(30) == {}
    sink.send(topic, scores(["a", "b"]), partition=0)
    sink.send(topic, scores(["c"]), partition=1)
    sink.send(topic, scores(["d"]), partition=0)
    zero, one = TopicPartition(topic.name, 0), TopicPartition(topic.name, 1)
    assert sink.acknowledged(30) == {zero: 3, one: 1}
    sink.send(topic, scores(["e"]), partition=1)
    assert sink.acknowledged(30) == {one: 1}


def test_rows_and_letters_are_acknowledged_together(
    stack_settings: Settings, topic: Topic, unique: Callable[[str], str]
) -> None:
    dead = made(stack_settings, unique("dead"))
    sink = sink_of(stack_settings)
    sink.send_letters([DeadLetter(dead.name, b"where", b"\xff", [("why", b"bad")])])
    sink.send(topic, scores(["a"]), partition=0)
    sink.acknowledged(30)
    letters = list(messages(stack_settings, dead.name, dead.partitions))
    assert [(m.key(), m.value(), m.headers()) for m in letters] == [
        (b"where", b"\xff", [("why", b"bad")])
    ]
    assert keys_of(stack_settings, topic, 0) == ["a"]


def test_a_row_that_the_topic_refuses_is_named_by_its_key(
    stack_settings: Settings, unique: Callable[[str], str]
) -> None:
    topic = made(stack_settings, unique("scores"), **{"max.message.bytes": "20000"})
    sink = sink_of(stack_settings)
    # Noise, because the limit is that of a compressed batch.
    noise = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(20_000))
    sink.send(topic, scores(["the long one"], reasons=[noise]), partition=0)
    with pytest.raises(NotAcknowledgedError, match="the long one"):
        sink.acknowledged(30)


def test_a_row_too_long_for_any_topic_is_named_and_the_others_go(
    stack_settings: Settings, topic: Topic
) -> None:
    sink = sink_of(stack_settings)
    sink.send(topic, scores(["short"]), partition=0)
    sink.send(topic, scores(["the long one"], reasons=["x" * MAX_LETTER_BYTES]), partition=0)
    with pytest.raises(NotAcknowledgedError, match=r"1 records refused.*too large.*the long one"):
        sink.acknowledged(30)
    assert keys_of(stack_settings, topic, 0) == ["short"]


def test_a_partition_that_does_not_exist_is_said(stack_settings: Settings, topic: Topic) -> None:
    sink = sink_of(stack_settings)
    sink.send(topic, scores(["a"]), partition=PARTITIONS)
    with pytest.raises(NotAcknowledgedError, match=r"partition.*b'a'"):
        sink.acknowledged(30)


@pytest.fixture
def settings(own_broker: Broker) -> Settings:
    """Of a broker that may be killed."""
    return Settings(_env_file=None, kafka_bootstrap_servers=own_broker.address)


def test_rows_sent_while_the_broker_is_away_arrive_once_it_is_back(
    own_broker: Broker, settings: Settings, unique: Callable[[str], str]
) -> None:
    topic = made(settings, unique("scores"))
    sink = sink_of(settings)
    sink.send(topic, scores(["a", "b"]), partition=0)
    sink.acknowledged(30)
    own_broker.kill()
    sink.send(topic, scores(["c", "d"]), partition=0)
    with pytest.raises(NotAcknowledgedError, match="2 records not acknowledged"):
        sink.acknowledged(0.5)
    own_broker.start()
    sink.send(topic, scores(["e"]), partition=0)
    sink.acknowledged(60)
    assert keys_of(settings, topic, 0) == ["a", "b", "c", "d", "e"]


def test_a_broker_killed_while_rows_arrive_loses_none_and_doubles_none(
    own_broker: Broker, settings: Settings, unique: Callable[[str], str]
) -> None:
    topic = made(settings, unique("scores"))
    sink = sink_of(settings)
    flushes, rows = 30, 2_000
    under_way = threading.Event()
    errors: list[Exception] = []

    def send() -> None:
        try:
            for flush in range(flushes):
                videos = [f"{flush}.{n}" for n in range(rows)]
                for partition in range(PARTITIONS):
                    sink.send(topic, scores(videos), partition=partition)
                if flush % 5 == 4:
                    under_way.set()
                    sink.acknowledged(90)
        except Exception as error:
            errors.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    assert under_way.wait(60)
    own_broker.kill()
    own_broker.start()
    sender.join(120)
    assert not sender.is_alive()
    assert not errors
    expected = [f"{flush}.{n}" for flush in range(flushes) for n in range(rows)]
    for partition in range(PARTITIONS):
        assert keys_of(settings, topic, partition) == expected
