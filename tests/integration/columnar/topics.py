"""Topics of a test's own that carry the catalogue's events, and a feed of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
from confluent_kafka import Producer
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


def source_topic(name: str, partitions: int = PARTITIONS) -> Topic:
    return replace(ENGAGEMENT, name=name, partitions=partitions)


def output_topic(name: str, partitions: int = PARTITIONS) -> Topic:
    return replace(VIRALITY_SCORES, name=name, partitions=partitions)


def create(settings: Settings, *topics: Topic) -> None:
    admin = AdminClient({**settings.kafka_config(), "log_level": "0"})
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
        self._producer = Producer(producer_config(settings.kafka_config(), log_level=0))
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
