"""The load: engagement events over many videos, a few of them very popular."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
from confluent_kafka import Producer

from infra.settings import Settings
from schemas.avro_types import frame_schema
from schemas.catalogue import ENGAGEMENT, VIDEO_UPLOADS
from schemas.encoding import FrameEncoder
from schemas.publisher import producer_config
from schemas.registry import Registry
from schemas.topic import Topic
from schemas.wire import prefix

VIDEOS = 200_000
_ZIPF = 1.2
_BATCH = 50_000
_KINDS = ["view", "like", "unlike", "dislike", "comment", "share", "save", "impression"]
_SHARES = [0.70, 0.10, 0.01, 0.01, 0.03, 0.05, 0.05, 0.05]


class FrameProducer:
    """Publishes frames of one topic's events, columnar."""

    def __init__(self, settings: Settings, topic: Topic, **options: object) -> None:
        with Registry(settings.registry_config()) as registry:
            self._encoder = FrameEncoder(topic.schema, prefix(registry.id_of(topic)))
        self._topic = topic
        options = {"delivery.report.only.error": True, **options}
        self._producer = Producer(producer_config(settings.kafka_config(), **options))

    def send(self, frame: pl.DataFrame) -> None:
        """Queue the events."""
        values, keys = self._encoder.encode(frame), frame[self._topic.key].to_list()
        records = [{"key": k, "value": v} for k, v in zip(keys, values, strict=True)]
        while records:
            self._producer.produce_batch(self._topic.name, records)
            records = [record for record in records if record.pop("_error", None)]
            self._producer.poll(0.1 if records else 0)

    def acknowledged(self) -> None:
        """Wait for the broker.

        Raises:
            RuntimeError: it did not take everything.
        """
        if self._producer.flush(120):
            raise RuntimeError("the broker did not take the load")


def publish(settings: Settings, count: int, *, seed: int = 1) -> None:
    """Publish that many engagement events, over one simulated day that ends now."""
    rng = np.random.default_rng(seed)
    producer = FrameProducer(settings, ENGAGEMENT, **{"linger.ms": 50, "batch.size": 1 << 20})
    day = 86_400_000_000
    start = int(time.time() * 1e6) - day
    for first in range(0, count, _BATCH):
        size = min(_BATCH, count - first)
        producer.send(events(rng, first, size, start + first * day // count, day * size // count))
    producer.acknowledged()


def publish_uploads(settings: Settings) -> None:
    """Publish an upload of every video that events are published of."""
    schema = frame_schema(VIDEO_UPLOADS.schema)
    published = int(time.time() * 1e6) - 2 * 86_400_000_000
    frame = pl.DataFrame({"video_id": [f"video{n:06d}" for n in range(VIDEOS)]}).with_columns(
        (pl.lit("upload-") + pl.col("video_id")).alias("event_id"),
        pl.lit(published).alias("occurred_at"),
        (pl.lit("channel") + pl.col("video_id").str.tail(4)).alias("channel_id"),
        pl.lit("A title of the usual length, more or less").alias("title"),
        pl.lit(None).alias("description"),
        pl.lit(300).alias("duration_s"),
        pl.lit("24").alias("category"),
        pl.lit("en").alias("language"),
        pl.lit([], pl.List(pl.String)).alias("tags"),
        pl.lit(published).alias("published_at"),
    )
    producer = FrameProducer(settings, VIDEO_UPLOADS, **{"linger.ms": 50, "batch.size": 1 << 20})
    producer.send(frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items()))
    producer.acknowledged()


def events(rng: np.random.Generator, first: int, count: int, start: int, span: int) -> pl.DataFrame:
    """Events of `span` microseconds from `start`, with ids from `first` on."""
    videos = ((rng.zipf(_ZIPF, count) - 1) % VIDEOS).tolist()
    schema = frame_schema(ENGAGEMENT.schema)
    frame = pl.DataFrame(
        {
            "event_id": [f"{first + n:032x}" for n in range(count)],
            "occurred_at": start + np.sort(rng.integers(0, max(span, 1), count)),
            "video_id": [f"video{n:06d}" for n in videos],
            "channel_id": [f"channel{n % 5_000:04d}" for n in videos],
            "viewer_id": [f"viewer{n:08d}" for n in rng.integers(0, 10**7, count).tolist()],
            "session_id": [None] * count,
            "kind": rng.choice(_KINDS, count, p=_SHARES),
            "watch_ms": rng.integers(0, 600_000, count),
            "country": ["DE"] * count,
            "device": ["phone"] * count,
            "source": ["browse"] * count,
        },
        schema_overrides={"occurred_at": pl.Int64},
    )
    return frame.with_columns(pl.col("occurred_at").cast(schema["occurred_at"])).cast(schema)
