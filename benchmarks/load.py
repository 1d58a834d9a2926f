"""The load: engagement events over many videos, a few of them very popular."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
from confluent_kafka import Producer

from infra.settings import Settings
from schemas.avro_types import frame_schema
from schemas.catalogue import ENGAGEMENT
from schemas.encoding import FrameEncoder
from schemas.publisher import producer_config
from schemas.registry import Registry
from schemas.wire import prefix

VIDEOS = 200_000
_ZIPF = 1.2
_BATCH = 50_000
_KINDS = ["view", "like", "unlike", "dislike", "comment", "share", "save", "impression"]
_SHARES = [0.70, 0.10, 0.01, 0.01, 0.03, 0.05, 0.05, 0.05]


def publish(settings: Settings, events: int, *, seed: int = 1) -> None:
    """Publish that many engagement events, over one simulated day that ends now."""
    rng = np.random.default_rng(seed)
    with Registry(settings.registry_config()) as registry:
        encoder = FrameEncoder(ENGAGEMENT.schema, prefix(registry.id_of(ENGAGEMENT)))
    producer = Producer(
        producer_config(
            settings.kafka_config(),
            **{"delivery.report.only.error": True, "linger.ms": 50, "batch.size": 1 << 20},
        )
    )
    day = 86_400_000_000
    start = int(time.time() * 1e6) - day
    for first in range(0, events, _BATCH):
        count = min(_BATCH, events - first)
        frame = _events(rng, first, count, start + first * day // events, day * count // events)
        values, keys = encoder.encode(frame), frame["video_id"].to_list()
        records = [{"key": k, "value": v} for k, v in zip(keys, values, strict=True)]
        while records:
            producer.produce_batch(ENGAGEMENT.name, records)
            records = [record for record in records if record.pop("_error", None)]
            producer.poll(0.1 if records else 0)
    if producer.flush(120):
        raise RuntimeError("the broker did not take the load")


def _events(
    rng: np.random.Generator, first: int, count: int, start: int, span: int
) -> pl.DataFrame:
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
