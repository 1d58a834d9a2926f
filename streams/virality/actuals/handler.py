"""Watches counts, and says what became of predictions: once for each, whatever fails when.

It has no state of its own. Which predictions are open is in the log; counts come as whole rows of
other agents' state, with what is needed to look back; and what is said has an id that follows from
the prediction, so saying it again changes nothing. Offsets are committed when it is acknowledged.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import structlog

from schemas.catalogue import VIRALITY_CHANNELS, VIRALITY_PREDICTIONS, VIRALITY_SCORES
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.topic import Topic
from streams.columnar.handler import Ground, TopicPartition
from streams.columnar.metrics import Metrics
from streams.virality.actuals.horizon import views_at
from streams.virality.actuals.pending import OBSERVED, Due, Pending
from streams.virality.actuals.sightings import Scores, Sighting, of_channels

NAME = "actuals"

_NAMESPACE = uuid.UUID("7d0f1c52-55c5-5b7e-9a63-0b1f6d1b2a77")

log = structlog.get_logger()


class Published(Protocol):
    """Knows when videos were published, in microseconds since 1970."""

    def __call__(self, videos: Sequence[str]) -> Mapping[str, dt.datetime]:
        """Those of the videos that are known."""


class ActualsHandler:
    """A [`ChunkHandler`][streams.columnar.handler.ChunkHandler] of channels and of scores.

    Args:
        pending: open predictions.
        caught_up: called in a thread before a chunk is looked at; returns when `pending` holds
            every prediction that is in the log by then. A prediction is in the log before its
            horizon is reached, so none is overlooked.
        published: when videos were published, for those whose snapshots nobody takes.
    """

    def __init__(
        self,
        pending: Pending,
        caught_up: Callable[[], None],
        published: Published,
        publisher: Publisher,
        registry: Registry,
        topics: Sequence[Topic] = (VIRALITY_CHANNELS, VIRALITY_SCORES),
    ) -> None:
        self.topics = topics
        self.metrics = Metrics(NAME, *(topic.name for topic in topics))
        self._channels, self._scores = topics
        self._pending = pending
        self._caught_up = caught_up
        self._published = published
        self._publisher = publisher
        self._decoders = {
            self._channels.name: FrameDecoder(registry, self._channels, ("channel_id", "videos")),
            self._scores.name: FrameDecoder(registry, self._scores, ("video_id", "as_of", "views")),
        }
        self._seen = Scores()
        self._positions: dict[TopicPartition, int] = {}

    async def assigned(
        self, ground: Mapping[TopicPartition, Ground], generation: int
    ) -> Mapping[TopicPartition, int]:
        """Start where the group has committed."""
        self._positions = {
            where: max(facts.low, min(facts.committed or 0, facts.high))
            for where, facts in ground.items()
        }
        return dict(self._positions)

    def expect(self, chunk: Chunk) -> None:
        """Nothing is done ahead."""

    async def process(self, chunk: Chunk) -> None:
        """Say what became of the predictions whose age the chunk's counts reach."""
        said = await asyncio.to_thread(self._say, chunk)
        if said:
            log.info("observed", predictions=said)
        where = TopicPartition(chunk.topic, chunk.partition)
        if where in self._positions:
            self._positions[where] = max(self._positions[where], chunk.last_offset + 1)

    async def flush(self) -> Mapping[TopicPartition, int]:
        """What was processed is acknowledged already; the group may know it."""
        return dict(self._positions)

    async def revoked(self) -> None:
        """Forget the partitions."""
        self._positions.clear()

    def skip(self, where: TopicPartition, offset: int) -> None:
        """Go on at `offset`."""
        if where in self._positions:
            self._positions[where] = max(self._positions[where], offset)

    def position(self, where: TopicPartition) -> int | None:
        """The first offset that was not processed yet; None when the partition is not owned."""
        return self._positions.get(where)

    def _say(self, chunk: Chunk) -> int:
        self._caught_up()
        decoded = self._decoders[chunk.topic].decode(chunk)
        if decoded.rejects:
            log.warning("rows left out", topic=chunk.topic, count=len(decoded.rejects))
        if chunk.topic == self._channels.name:
            sightings = of_channels(decoded.frame, self._pending)
        else:
            sightings = self._seen.of(decoded.frame, self._pending, self._published)
        said = 0
        for event in _observed(sightings):
            self._publisher.publish(VIRALITY_PREDICTIONS, event)
            said += 1
        if said:
            self._publisher.flush()
        return said


def _observed(sightings: Iterable[tuple[Sighting, list[Due]]]) -> Iterator[dict[str, Any]]:
    for seen, due in sightings:
        for one in due:
            views = views_at(seen.published, one.horizon_h, seen.counts)
            if views is not None:
                yield actual(one, views, seen.published)


def actual(due: Due, views: int, published: dt.datetime) -> dict[str, Any]:
    """The event that says what became of a prediction; the same prediction has the same one."""
    return {
        "_type": "ActualObserved",
        "event_id": str(uuid.uuid5(_NAMESPACE, due.prediction_id)),
        "occurred_at": published + dt.timedelta(hours=due.horizon_h),
        "prediction_id": due.prediction_id,
        "actual_views": views,
        "feedback": None,
        "horizon_h": due.horizon_h,
        "source": OBSERVED,
    }
