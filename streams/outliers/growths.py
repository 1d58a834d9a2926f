"""The growth curves in force, in a running process: taken over from the log without a restart."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import structlog

from schemas.catalogue import OUTLIER_GROWTH
from schemas.chunks import Chunk
from schemas.codec import Codec
from schemas.errors import SchemaError
from schemas.topic import Topic
from streams.follower import TopicFollower
from streams.outliers.model.errors import GrowthError
from streams.outliers.model.growth import Growth

GROWTH_ID = "default"  # the only set, and its records' key

_START_S = 30.0

log = structlog.get_logger()


def taken_over(
    codec: Codec, topic: Topic, key: object, value: bytes | None, headers: object
) -> Growth | None:
    """The curves that serve from a record of the topic on: the rule of agents and commands alike.

    Returns:
        Those that ship, where a record without a value takes back what was learned; None where it
        is of another set, and what served before goes on.

    Raises:
        GrowthError, SchemaError: it cannot be used; what served before goes on.
    """
    if key not in (GROWTH_ID, GROWTH_ID.encode()):
        return None
    if value is None:
        return Growth.default()
    record = codec.decode(topic, value, headers)  # type: ignore[arg-type]
    return Growth.from_json(record["content"])


class Growths:
    """Follows `outlier.growth.v1` in a thread; the newest curves that can be read are in force.

    Curves that cannot be read are refused with the reason in the log, and those before go on.
    Until the topic was read once, and where it is empty, those serve that ship with the release.

    Args:
        kafka: connection settings (librdkafka's names).
        codec: reads the topic's records.
        topic: of GrowthLearned; it has one partition.
    """

    def __init__(
        self, kafka: Mapping[str, str], codec: Codec, topic: Topic = OUTLIER_GROWTH
    ) -> None:
        self._codec = codec
        self._topic = topic
        self._growth = Growth.default()
        self._changed = threading.Condition()
        self._follower = TopicFollower(kafka, {topic: self._take})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __call__(self) -> Growth:
        """The curves in force. They are immutable: take them once for a chunk."""
        return self._growth

    def start(self, seconds: float = _START_S) -> None:
        """Begin; return once the topic was read, or after so many seconds with those that ship."""
        self._follower.start()
        if not self._follower.read_once(seconds):
            log.warning("growth not read", topic=self._topic.name, serving=self().version)

    def close(self) -> None:
        """End the thread."""
        self._follower.close()

    def await_version(self, version: str, seconds: float) -> bool:
        """Wait until those curves are in force; whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: self._growth.version == version, seconds)

    def _take(self, chunk: Chunk) -> None:
        records = zip(chunk.offsets, chunk.keys, chunk.values, chunk.headers, strict=True)
        for offset, key, value, headers in records:
            try:
                taken = taken_over(self._codec, self._topic, key, value, headers)
            except (SchemaError, GrowthError) as error:
                log.error(
                    "growth refused",
                    topic=self._topic.name,
                    offset=offset,
                    reason=str(error),
                    serving=self().version,
                )
            else:
                if taken is not None:
                    self._serve(taken)

    def _serve(self, growth: Growth) -> None:
        if growth.version != self._growth.version:
            log.info("growth serves", version=growth.version, before=self._growth.version)
        with self._changed:
            self._growth = growth
            self._changed.notify_all()
