"""A topic that is read from its beginning and then followed, in a thread, without a group."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import TopicMetadata

from schemas.chunks import Chunk
from schemas.topic import Topic

_AT_ONCE = 5_000  # records
_POLL_S = 0.2
_PAUSE_S = 1.0  # before it begins anew
_BRIEFLY_S = 1.0
_ANSWER_S = 10.0  # for a question to the broker
_STEP_S = 1.0  # of it, before the thread looks whether it is to end

log = structlog.get_logger()

Take = Callable[[Chunk], None]


class BehindError(Exception):
    """A topic could not be read up to its end in time."""


class TopicFollower:
    """Hands every chunk of some topics to `take`, in the order of each partition's log.

    After a fault it begins again at the beginning, so what is taken twice must change nothing.

    Args:
        kafka: connection settings (librdkafka's names).
        takes: what takes the chunks of each topic.
        briefly_s: once caught up with, it is not asked again for so long where the topics end.
    """

    def __init__(
        self,
        kafka: Mapping[str, str],
        takes: Mapping[Topic, Take],
        *,
        briefly_s: float = _BRIEFLY_S,
    ) -> None:
        self._kafka = dict(kafka)
        self._takes = {topic.name: take for topic, take in takes.items()}
        self._positions: dict[tuple[str, int], int] = {}
        self._ended: set[tuple[str, int]] = set()
        self._partitions: frozenset[tuple[str, int]] | None = None
        self._moved = threading.Condition()
        self._asking: Consumer | None = None
        self._briefly_s = briefly_s
        self._caught_up = -briefly_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

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

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._asking is not None:
            self._asking.close()

    def read_once(self, seconds: float) -> bool:
        """Wait until every partition was read to an end; whether that was in time."""
        with self._moved:
            return self._moved.wait_for(
                lambda: self._partitions is not None and self._partitions <= self._ended, seconds
            )

    def catch_up(self, seconds: float) -> None:
        """Wait until everything is taken that the topics held `briefly_s` ago.

        Raises:
            BehindError: it was not, within so many seconds.
            KafkaException: the broker does not say where they end.
        """
        now = time.monotonic()
        if now - self._caught_up < self._briefly_s:
            return
        deadline = now + seconds
        if not self.read_once(seconds):
            raise BehindError(self._said(seconds))
        ends = self._ends()
        with self._moved:
            done = self._moved.wait_for(
                lambda: all(self._positions.get(at, 0) >= end for at, end in ends.items()),
                max(0.0, deadline - time.monotonic()),
            )
        if not done:
            raise BehindError(self._said(seconds))
        self._caught_up = now

    def _said(self, seconds: float) -> str:
        names = ", ".join(self._takes)
        return f"{names} could not be read up to the end within {seconds:g} s: is Kafka up?"

    def _ends(self) -> dict[tuple[str, int], int]:
        if self._asking is None:
            self._asking = self._consumer()
        asked = {
            place: self._asking.get_watermark_offsets(TopicPartition(*place), timeout=_ANSWER_S)
            for place in self._partitions or ()
        }
        return {place: int(marks[1]) for place, marks in asked.items()}

    def _run(self) -> None:
        while not self._stop.is_set():
            consumer = self._consumer()
            try:
                self._follow(consumer)
            except Exception as error:
                log.warning("topics not followed", topics=[*self._takes], reason=str(error))
                self._stop.wait(_PAUSE_S)
            finally:
                consumer.close()

    def _follow(self, consumer: Consumer) -> None:
        found = self._known(consumer)
        places = [
            (name, partition)
            for name in self._takes
            if name in found
            for partition in found[name].partitions
        ]
        if {name for name, _ in places} != self._takes.keys():
            raise BehindError("not provisioned yet")
        with self._moved:
            self._partitions = frozenset(places)
        consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in places])
        while not self._stop.is_set():
            self._take(consumer.consume(_AT_ONCE, _POLL_S))

    def _known(self, consumer: Consumer) -> Mapping[str, TopicMetadata]:
        deadline = time.monotonic() + _ANSWER_S
        while True:
            try:
                found: Mapping[str, TopicMetadata] = consumer.list_topics(timeout=_STEP_S).topics
                return found
            except KafkaException:
                if self._stop.is_set() or time.monotonic() > deadline:
                    raise

    def _take(self, messages: Sequence[Message]) -> None:
        records: defaultdict[tuple[str, int], list[Message]] = defaultdict(list)
        ended: dict[tuple[str, int], int] = {}
        for message in messages:
            place = (message.topic(), message.partition())
            error = message.error()
            if error is None:
                records[place].append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                ended[place] = message.offset()
            else:
                log.warning("topic not read", topic=place[0], reason=str(error))
        for place, some in records.items():
            self._takes[place[0]](_chunk(*place, some))
        with self._moved:
            for place, some in records.items():
                self._positions[place] = some[-1].offset() + 1
            for place, offset in ended.items():
                self._ended.add(place)
                self._positions[place] = max(self._positions.get(place, 0), offset)
            self._moved.notify_all()

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                **self._kafka,
                "group.id": "groundswell.follower",  # none is joined; nothing is committed
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 200,
                "log_level": 0,  # librdkafka's own lines; what matters comes as errors
                "error_cb": lambda error: log.debug("follower", error=str(error)),
            }
        )


def _chunk(topic: str, partition: int, messages: Sequence[Message]) -> Chunk:
    return Chunk(
        topic,
        partition,
        [message.offset() for message in messages],
        [message.timestamp()[1] for message in messages],
        [message.key() for message in messages],
        [message.value() for message in messages],
        [message.headers() or () for message in messages],
    )
