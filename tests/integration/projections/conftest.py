"""A log of one's own: the catalogue's topics under names that no other test has."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from infra.settings import Settings
from projections.engine import Engine
from projections.projection import Projection
from projections.run import run
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.publisher import Publisher, producer_config
from schemas.registry import Registry
from schemas.topic import Topic
from streams.identity.relay import SEALED
from tests.integration.projections.addresses import readdressed, renamed

PARTITIONS = 2
START = dt.datetime(2025, 3, 1, tzinfo=dt.UTC)


class Log:
    """Topics of one test, and what it does with them."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        suffix: str,
        monkeypatch: pytest.MonkeyPatch,
        scratch: Path,
    ) -> None:
        self.settings = settings
        self.scratch = scratch
        self.suffix = suffix
        self._monkeypatch = monkeypatch
        self._topics: dict[str, Topic] = {}
        self.registry = registry
        self.codec = Codec(self.registry)
        self.publisher = Publisher(
            settings.kafka_config(), self.codec, source="tests", sealer=SEALED
        )
        self.admin = AdminClient(settings.kafka_config())

    def publish_anew(self, topic: Topic, event: dict[str, Any]) -> None:
        """With the topic's schema as it is now; others register a topic's schema once."""
        with Registry(self.settings.registry_config()) as registry:
            registry.register(topic)
            registry.require_compatibility(topic)
            publisher = Publisher(self.settings.kafka_config(), Codec(registry), source="tests")
            publisher.publish(topic, event)
            publisher.flush()

    def topic(self, original: Topic) -> Topic:
        """The test's own topic of that kind, made when first asked for."""
        if original.name not in self._topics:
            topic = renamed(original, self.suffix)
            self._monkeypatch.setitem(TOPICS, topic.name, topic)
            self._make(NewTopic(topic.name, PARTITIONS, 1, config=topic.config()))
            self._make(NewTopic(topic.dlq, 1, 1))
            self._topics[original.name] = topic
        return self._topics[original.name]

    def make_anew(self, original: Topic) -> None:
        """Delete the topic with all that is in it, and make it again."""
        topic = self.topic(original)
        self.admin.delete_topics([topic.name])[topic.name].result()

        def made() -> bool:  # the broker forgets a deleted topic a moment later
            with suppress(KafkaException):
                self._make(NewTopic(topic.name, PARTITIONS, 1, config=topic.config()))
                return True
            return False

        until(made)

    def _make(self, topic: NewTopic) -> None:
        self.admin.create_topics([topic])[topic.topic].result()

    def projection(self, original: Projection) -> Projection:
        """The projection, reading the test's own topics in a group of its own."""
        for source in original.sources:
            self.topic(source.topic)
        return readdressed(original, self.suffix)

    def publish(self, original: Topic, *events: dict[str, Any]) -> None:
        for event in events:
            self.publisher.publish(self.topic(original), event)
        self.publisher.flush()

    def forget(self, original: Topic, key: str) -> None:
        """Say that a key is gone."""
        producer = Producer(producer_config(self.settings.kafka_config()))
        producer.produce(self.topic(original).name, None, key.encode())
        producer.flush()

    def put(self, original: Topic, value: bytes, *, partition: int = 0) -> None:
        """A record of any bytes."""
        producer = Producer(self.settings.kafka_config())
        producer.produce(self.topic(original).name, value, b"key", partition=partition)
        producer.flush()

    def ends(self, topic: Topic) -> dict[int, int]:
        """End of each partition."""
        config = {**self.settings.kafka_config(), "group.id": "tests"}
        consumer = Consumer(config)
        try:
            metadata = consumer.list_topics(topic.name, timeout=60)
            return {
                partition: end_of(consumer, TopicPartition(topic.name, partition))
                for partition in metadata.topics[topic.name].partitions
            }
        finally:
            consumer.close()

    def letters(self, original: Topic) -> list[tuple[bytes, bytes | None, dict[str, bytes]]]:
        """Key, value and headers of the dead letters."""
        return [
            (message.key(), message.value(), dict(message.headers() or ()))
            for message in self._messages(self.topic(original).dlq, 0)
        ]

    def find(self, original: Topic, key: bytes) -> list[tuple[str, int, int]]:
        """Topic, partition and offset of the records with that key."""
        return [
            (message.topic(), message.partition(), message.offset())
            for partition in range(PARTITIONS)
            for message in self._messages(self.topic(original).name, partition)
            if message.key() == key
        ]

    def _messages(self, topic: str, partition: int) -> Iterator[Message]:
        consumer = Consumer(
            {
                **self.settings.kafka_config(),
                "group.id": "tests",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
            }
        )
        consumer.assign([TopicPartition(topic, partition, 0)])
        try:
            while True:
                message = consumer.poll(10)
                assert message is not None
                if message.error():
                    assert message.error().code() == KafkaError._PARTITION_EOF
                    return
                yield message
        finally:
            consumer.close()

    def environment(self) -> dict[str, str]:
        """What a process of the test's own finds its servers by."""
        return {
            name.upper(): str(getattr(self.settings, name))
            for name in ("kafka_bootstrap_servers", "schema_registry_url", "database_url")
        }

    def engine(self, projection: Projection) -> Engine:
        return Engine(
            projection,
            kafka=self.settings.kafka_config(),
            dsn=self.settings.dsn,
            registry=self.registry,
            publisher=lambda: self.publisher,
            scratch=self.scratch,
        )

    @contextmanager
    def projecting(self, *projections: Projection) -> Iterator[None]:
        """A projector in a thread."""
        stop = Event()
        thread = Thread(target=run, args=(self.settings, projections, self.registry, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def await_applied(self, projection: Projection, timeout: float = 120.0) -> None:
        """Wait until the projection holds everything that its topics have by now."""
        ends = {
            (source.topic.name, partition): end
            for source in projection.sources
            for partition, end in self.ends(source.topic).items()
        }
        until(lambda: self.checkpoints(projection) == ends, timeout)

    def checkpoints(self, projection: Projection) -> dict[tuple[str, int], int]:
        with psycopg.connect(self.settings.dsn) as connection:
            if connection.execute("SELECT to_regclass('projections')").fetchone() == (None,):
                return {}
            rows = connection.execute(
                "SELECT topic, partition, next_offset FROM projection_checkpoints"
                " WHERE projection = %s",
                (projection.name,),
            )
            return {(topic, partition): offset for topic, partition, offset in rows}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.settings.dsn) as connection:
            return connection.execute(query.encode()).fetchall()


def end_of(consumer: Consumer, place: TopicPartition) -> int:
    """End of a partition, which may have been made a moment ago."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return int(consumer.get_watermark_offsets(place, timeout=60)[1])
        except KafkaException as error:
            if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:
                raise
            assert time.monotonic() < deadline, place
            time.sleep(0.05)


def until(holds: Callable[[], bool], timeout: float = 120.0) -> None:
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, f"not so after {timeout:g} s"
        time.sleep(0.05)


def snapshot(video: str, views: int | None, hours: float = 0, **fields: Any) -> dict[str, Any]:
    """A VideoSnapshot, so many hours after START."""
    return {
        "event_id": f"{video}@{hours}#{views}",
        "occurred_at": START + dt.timedelta(hours=hours),
        "video_id": video,
        "channel_id": "channel",
        "title": f"Title of {video}",
        "published_at": START,
        "duration_s": None,
        "category": None,
        "views": views,
        "likes": None,
        "comments": None,
        **fields,
    }


def upload(video: str, hours: float = 0, **fields: Any) -> dict[str, Any]:
    """A VideoUploaded, so many hours after START."""
    return {
        "event_id": f"upload-{video}",
        "occurred_at": START + dt.timedelta(hours=hours),
        "video_id": video,
        "channel_id": "channel",
        "title": f"Upload {video}",
        "description": None,
        "duration_s": None,
        "category": None,
        "language": None,
        "tags": [],
        "published_at": START,
        **fields,
    }


@pytest.fixture(scope="session")
def registry(stack_settings: Settings) -> Iterator[Registry]:
    registry = Registry(stack_settings.registry_config())
    yield registry
    registry.close()


@pytest.fixture
def log(
    stack_settings: Settings,
    registry: Registry,
    database: str,
    unique: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Log:
    settings = stack_settings.model_copy(
        update={"database_url": database, "groundswell_home": tmp_path}
    )
    return Log(settings, registry, unique("t"), monkeypatch, settings.scratch)
