"""Topics of a test's own that carry the catalogue's events, and an independent fold of them."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import fastavro
import numpy as np
import polars as pl
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.settings import Settings
from schemas.avro_types import frame_schema
from schemas.catalogue import ENGAGEMENT, VIRALITY_SCORES
from schemas.encoding import FrameEncoder
from schemas.publisher import producer_config
from schemas.registry import Registry
from schemas.topic import Topic, dead_letter_config
from schemas.wire import prefix

PARTITIONS = 2
KINDS = ["view", "like", "unlike", "dislike", "comment", "share", "save", "impression"]


def source_topic(name: str) -> Topic:
    return replace(ENGAGEMENT, name=name, partitions=PARTITIONS)


def output_topic(name: str) -> Topic:
    return replace(VIRALITY_SCORES, name=name, partitions=PARTITIONS)


def create(settings: Settings, *topics: Topic) -> None:
    admin = AdminClient(settings.kafka_config())
    wanted = [NewTopic(t.name, t.partitions, 1, config=t.config()) for t in topics]
    wanted += [NewTopic(t.dlq, 1, 1, config=dead_letter_config()) for t in topics]
    for future in admin.create_topics(wanted).values():
        future.result()
    with Registry(settings.registry_config()) as registry:
        for topic in topics:
            registry.register(topic)


class Feed:
    """Publishes engagement events: Zipf over videos, late ones, each `repeat`-th sent twice."""

    def __init__(self, settings: Settings, topic: Topic, *, seed: int = 1) -> None:
        self._topic = topic
        with Registry(settings.registry_config()) as registry:
            self._encoder = FrameEncoder(topic.schema, prefix(registry.id_of(topic)))
        self._producer = Producer(producer_config(settings.kafka_config()))
        self._rng = np.random.default_rng(seed)
        self._sent = 0

    def events(self, count: int, *, videos: int = 500, repeat: int = 50) -> None:
        rng, first = self._rng, self._sent
        ids = (rng.zipf(1.3, count) - 1) % videos
        now = int(dt.datetime.now(dt.UTC).timestamp() * 1e6)
        frame = pl.DataFrame(
            {
                "event_id": [f"{self._topic.name}-{first + n}" for n in range(count)],
                "occurred_at": now - rng.integers(0, 7 * 86400 * 10**6, count),
                "video_id": [f"v{n}" for n in ids.tolist()],
                "channel_id": [f"c{n % 20}" for n in ids.tolist()],
                "viewer_id": [f"u{n}" for n in rng.integers(0, 1000, count).tolist()],
                "session_id": [None] * count,
                "kind": [KINDS[n] for n in rng.integers(0, len(KINDS), count).tolist()],
                "watch_ms": rng.integers(0, 60_000, count),
                "country": ["DE"] * count,
                "device": [None] * count,
                "source": [None] * count,
            },
            schema_overrides={"occurred_at": pl.Int64},
        ).with_columns(pl.col("occurred_at").cast(pl.Datetime("us", "UTC")))
        self._sent += count
        wanted = frame_schema(self._topic.schema)
        values = self._encoder.encode(frame.select(wanted.names()).cast(wanted))
        for number, (key, value) in enumerate(zip(frame["video_id"], values, strict=True)):
            self.raw(key.encode(), value)
            if number % repeat == 0:
                self.raw(key.encode(), value)
        self.flush()

    def raw(self, key: bytes | None, value: bytes | None, partition: int | None = None) -> None:
        where = {} if partition is None else {"partition": partition}
        while True:
            try:
                self._producer.produce(self._topic.name, value, key, **where)
                return
            except BufferError:
                self._producer.poll(0.1)

    def flush(self) -> None:
        assert self._producer.flush(60) == 0


def messages(settings: Settings, name: str, partitions: int = PARTITIONS) -> Iterator[Message]:
    """Every record of a topic, partition by partition."""
    for partition in range(partitions):
        consumer = Consumer(
            {
                **settings.kafka_config(),
                "group.id": "tests.reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        consumer.assign([TopicPartition(name, partition, OFFSET_BEGINNING)])
        at_end = False
        while not at_end:
            for message in consumer.consume(5000, 0.1):
                if message.error():
                    at_end = True
                else:
                    yield message
        consumer.close()


def records(settings: Settings, topic: Topic) -> list[dict[str, Any]]:
    """Decoded records, read one at a time: shares nothing with the columnar path."""
    schema = fastavro.parse_schema(topic.schema, named_schemas={})
    found = []
    for message in messages(settings, topic.name):
        value = message.value()
        if value is None or value[:1] != b"\0":
            continue
        record: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
        found.append({**record, "_partition": message.partition(), "_offset": message.offset()})
    return found


def newest_scores(settings: Settings, topic: Topic) -> dict[str, dict[str, Any]]:
    """Per video the row with the highest applied offset."""
    newest: dict[str, dict[str, Any]] = {}
    for row in records(settings, topic):
        known = newest.get(row["video_id"])
        if known is None or row["applied_offset"] >= known["applied_offset"]:
            newest[row["video_id"]] = row
    return newest


@dataclass
class Expected:
    """What the events of one video come to."""

    totals: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("views", "likes", "shares", "watch_ms"), 0)
    )
    viewers: set[str] = field(default_factory=set)


def expected_rows(settings: Settings, topic: Topic, horizon: int) -> dict[str, Expected]:
    """By the definition: every event once, unless its id came within the horizon before."""
    last: dict[tuple[int, str], int] = {}
    videos: dict[str, Expected] = {}
    for event in records(settings, topic):
        identity = (event["_partition"], event["event_id"])
        before, last[identity] = last.get(identity), event["_offset"]
        if before is not None and event["_offset"] - before <= horizon:
            continue
        video = videos.setdefault(event["video_id"], Expected())
        sums, kind = video.totals, event["kind"]
        if kind == "view":
            video.viewers.add(event["viewer_id"])
        sums["views"] += kind == "view"
        sums["likes"] += (kind == "like") - (kind == "unlike")
        sums["shares"] += kind == "share"
        sums["watch_ms"] += event["watch_ms"] or 0
    return videos
