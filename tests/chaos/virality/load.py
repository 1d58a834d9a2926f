"""Videos that are observed a few times each, and predictions of what they will come to.

Each video has so few observations, and each channel so few videos, that nothing of them is ever
forgotten: what the agents remember must be what the log has, to the last count.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any

from infra.settings import Settings
from schemas.catalogue import VIDEO_SNAPSHOTS, VIRALITY_PREDICTIONS
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.topic import Topic

AGES_H = (2.0, 20.0, 28.0, 100.0, 160.0, 176.0)
HORIZONS_H = (24.0, 168.0)
_OF_A_CHANNEL = 30
_REPEATED = 0.05

Event = dict[str, Any]


class Load:
    """Publishes the story of some videos, in the order of time."""

    def __init__(self, settings: Settings, videos: int, *, seed: int) -> None:
        self._random = random.Random(seed)
        self._videos = videos
        # Not so long ago that the platform's data would have to be forgotten.
        self._published = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=20)
        self._registry = Registry(settings.registry_config())
        self._publisher = Publisher(
            settings.kafka_config(), Codec(self._registry), source="tests/chaos"
        )
        self._events = self._story()

    @property
    def events(self) -> int:
        """How many there are, repeated ones not counted."""
        return self._videos * (len(AGES_H) + len(HORIZONS_H))

    def publish(self, events: int) -> None:
        """Publish the next of them, some twice; all acknowledged."""
        for _, (topic, event) in zip(range(events), self._events, strict=False):
            for _ in range(1 + (self._random.random() < _REPEATED)):
                self._publisher.publish(topic, event)
        self._publisher.flush(120)

    def close(self) -> None:
        """Publish what is left, and let go of the registry."""
        self.publish(self.events)
        self._registry.close()

    def _story(self) -> Iterator[tuple[Topic, Event]]:
        for video in range(self._videos):
            for horizon_h in HORIZONS_H:
                yield VIRALITY_PREDICTIONS, self._prediction(video, horizon_h)
        for age_h in AGES_H:
            for video in range(self._videos):
                yield VIDEO_SNAPSHOTS, self._snapshot(video, age_h)

    def _snapshot(self, video: int, age_h: float) -> Event:
        views = round((video + 1) * age_h**0.7 * self._random.uniform(10, 12))
        return {
            "event_id": f"v{video}-{age_h:g}",
            "occurred_at": self._published + dt.timedelta(hours=age_h),
            "video_id": f"v{video}",
            "channel_id": f"c{video // _OF_A_CHANNEL}",
            "title": "A title",
            "published_at": self._published,
            "duration_s": 100,
            "category": "24",
            "views": views,
            "likes": views // 20,
            "comments": None,
        }

    def _prediction(self, video: int, horizon_h: float) -> Event:
        identity = f"v{video}-{horizon_h:g}"
        return {
            "_type": "PredictionMade",
            "event_id": identity,
            "occurred_at": self._published,
            "prediction_id": identity,
            "video_id": f"v{video}",
            "title": "A title",
            "request": "{}",
            "predicted_views": 100.0,
            "lower": 50.0,
            "upper": 200.0,
            "model_version": "m",
            "horizon_h": horizon_h,
        }
