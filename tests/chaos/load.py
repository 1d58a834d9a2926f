"""Engagement events as the world sends them: skewed, late, repeated, taken back, and now and then
no event at all."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import numpy as np
import polars as pl
from confluent_kafka import Producer

from infra.settings import Settings
from schemas.avro_types import frame_schema
from schemas.encoding import FrameEncoder
from schemas.publisher import producer_config
from schemas.registry import Registry
from schemas.topic import Topic
from schemas.wire import prefix

_KINDS = ["view", "like", "unlike", "dislike", "comment", "share", "save", "impression"]
_OFTEN = [0.6, 0.12, 0.06, 0.02, 0.05, 0.05, 0.05, 0.05]
_WEEK_US = 7 * 86_400 * 10**6
# How many events later a repeated one comes again: at once, in the next chunk, after a restart,
# and beyond the horizon, where it counts anew.
_DISTANCES = [1, 40, 3_000, 9_000, 60_000]
_REPEATED = 0.02
_POISON_EVERY = 7_919  # a prime: it falls on every place of a chunk sooner or later
_TOMBSTONE_EVERY = 6_007

Record = tuple[bytes | None, bytes | None]


class Load:
    """Publishes events of a seed.

    Args:
        videos: how many there are; few of them get most of the events.
    """

    def __init__(
        self, settings: Settings, topic: Topic, *, seed: int = 1, videos: int = 2_000
    ) -> None:
        self._topic = topic
        self._videos = videos
        self._rng = np.random.default_rng(seed)
        self._now = int(dt.datetime.now(dt.UTC).timestamp() * 1e6)
        self._again: defaultdict[int, list[Record]] = defaultdict(list)
        self.sent = 0
        with Registry(settings.registry_config()) as registry:
            self._encoder = FrameEncoder(topic.schema, prefix(registry.id_of(topic)))
        self._producer = Producer(
            producer_config(
                settings.kafka_config(), **{"message.timeout.ms": 120_000, "log_level": 0}
            )
        )

    def publish(self, count: int) -> None:
        """Publish that many new events, and what is due besides; all acknowledged."""
        frame = self._events(count)
        values = self._encoder.encode(frame)
        keys = [key.encode() for key in frame[self._topic.key]]
        repeated = self._rng.random(count) < _REPEATED
        distances = self._rng.choice(_DISTANCES, count)
        for record, again, distance in zip(
            zip(keys, values, strict=True), repeated.tolist(), distances.tolist(), strict=True
        ):
            self._send(record)
            if again:
                self._again[self.sent + distance].append(record)
            for due in self._again.pop(self.sent, ()):
                self._send(due)
            if self.sent % _POISON_EVERY == 0:
                self._send((record[0], record[1][: len(record[1]) // 2]))
            if self.sent % _TOMBSTONE_EVERY == 0:
                self._send((record[0], None))
            self.sent += 1
        assert self._producer.flush(120) == 0

    def _send(self, record: Record) -> None:
        key, value = record
        while True:
            try:
                self._producer.produce(self._topic.name, value, key)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _events(self, count: int) -> pl.DataFrame:
        rng = self._rng
        videos = ((rng.zipf(1.3, count) - 1) % self._videos).tolist()
        kinds = rng.choice(_KINDS, count, p=_OFTEN)
        schema = frame_schema(self._topic.schema)
        frame = pl.DataFrame(
            {
                "event_id": [f"{self.sent + n:x}" for n in range(count)],
                "occurred_at": self._now - rng.integers(0, _WEEK_US, count),
                "video_id": [f"v{n}" for n in videos],
                "channel_id": [f"c{n % 50}" for n in videos],
                "viewer_id": [f"u{n}" for n in rng.integers(0, 10_000, count).tolist()],
                "session_id": [None] * count,
                "kind": kinds,
                "watch_ms": np.where(kinds == "view", rng.integers(0, 600_000, count), 0),
                "country": ["DE"] * count,
                "device": [None] * count,
                "source": [None] * count,
            },
            schema_overrides={"occurred_at": pl.Int64},
        )
        return frame.with_columns(pl.col("occurred_at").cast(schema["occurred_at"])).cast(schema)
