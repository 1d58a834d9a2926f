"""What the niches are read from and written to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl
import structlog

from schemas.codec import Codec
from schemas.frames import FrameDecoder
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.topic import Topic
from streams.columnar.kafka.log import LogReadError, Slice, chunks, slices
from streams.outliers.niches.life import Niche

log = structlog.get_logger()


class Tail:
    """A topic, read from its beginning on, a piece at a time.

    Args:
        columns: the fields that are wanted.
    """

    def __init__(
        self, kafka: dict[str, str], registry: Registry, topic: Topic, columns: tuple[str, ...]
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._decoder = FrameDecoder(registry, topic, columns)
        self._next: dict[int, int] = {}

    def read(self) -> list[dict[str, Any]]:
        """The events that came since the last call, by partition in the order of the log.

        What cannot be decoded is passed over: it is a dead letter of the projection of this topic.

        Raises:
            LogReadError: the topic is not there, was made anew, or the broker does not answer.
            SchemaRegistryError: the registry does not answer.
        """
        found = slices(self._kafka, self._topic.name)
        unread = [self._unread(part) for part in found]
        frames = []
        for chunk in chunks(self._kafka, unread):
            decoded = self._decoder.decode(chunk)
            for reject in decoded.rejects:
                where = f"{chunk.topic}/{chunk.partition}/{chunk.offsets[reject.row]}"
                log.warning("passed over", at=where, reason=reject.reason)
            frames.append(decoded.frame)
        for part in found:
            self._next[part.partition] = part.last
        return pl.concat(frames).to_dicts() if frames else []

    def _unread(self, part: Slice) -> Slice:
        reached = self._next.get(part.partition, part.first)
        if reached > part.last:
            raise LogReadError(
                f"{part.topic}/{part.partition} ends at {part.last}, but was read up to {reached}: "
                "the topic was made anew; everything is read again"
            )
        return part._replace(first=max(part.first, reached))


class NicheTopic:
    """The niches' own topic: what it holds, and what has to be added."""

    def __init__(self, kafka: dict[str, str], registry: Registry, topic: Topic) -> None:
        self._topic = topic
        self._publisher = Publisher(kafka, Codec(registry), source="groundswell.niches")
        columns = tuple(field["name"] for field in topic.schema["fields"])
        rows = Tail(kafka, registry, topic, columns).read()
        # Later rows of a niche take the place of earlier ones.
        self._rows = {row["niche_id"]: row for row in rows}

    def known(self) -> list[Niche]:
        """The newest row of every niche."""
        return [Niche.of(row) for row in self._rows.values()]

    def publish(self, niches: Iterable[Niche]) -> int:
        """Send the niches that the topic does not hold as they are, and wait until it does.

        Returns:
            How many there were.

        Raises:
            PublishError: the broker did not take them.
        """
        new = []
        for niche in niches:
            event = niche.event()
            known = self._rows.get(niche.niche_id)
            if known is None or known["event_id"] != event["event_id"]:
                new.append(event)
        for event in new:
            self._publisher.publish(self._topic, event)
        if new:
            self._publisher.flush()
        self._rows.update({event["niche_id"]: event for event in new})
        return len(new)
