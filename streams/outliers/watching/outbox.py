"""From the poller's table into the log: at least once, each observation with an id of its own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import structlog
from confluent_kafka import KafkaException

from schemas.errors import InvalidEventError
from schemas.publisher import Publisher, PublishError
from schemas.registry import SchemaRegistryError
from schemas.topic import Topic
from streams.outliers.watching.metrics import PollerMetrics
from streams.outliers.watching.store import Pending, Store

AT_ONCE = 500
FLUSH_S = 30.0
PAUSE_S = 1.0, 60.0  # after the first time that the broker does not take them, and at most

Tell = Callable[[str, str, float | None], Awaitable[None]]

log = structlog.get_logger()


class Outbox:
    """Publishes what is stored; nobody looks further before it is in the log."""

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        metrics: PollerMetrics,
        *,
        pause: tuple[float, float] = PAUSE_S,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._metrics = metrics
        self._pause = pause

    async def empty(self, tell: Tell | None = None) -> None:
        """Publish everything that waits, however long the broker is away.

        Args:
            tell: told of it while that is so.
        """
        failures = 0
        while rows := await self._store.pending(AT_ONCE):
            self._metrics.waiting.set(len(rows))
            try:
                await asyncio.to_thread(self._publish, rows)
            except (PublishError, KafkaException, SchemaRegistryError, OSError) as error:
                failures += 1
                self._metrics.faults.labels("broker").inc()
                log.warning("observations wait for the broker", reason=str(error))
                if tell is not None:
                    await tell("broker away", str(error), None)
                first, most = self._pause
                await asyncio.sleep(min(most, first * 2 ** (failures - 1)))
                continue
            await self._store.published(rows[-1].position)
        self._metrics.waiting.set(0)

    def _publish(self, rows: Sequence[Pending]) -> None:
        by_topic: defaultdict[Topic, list[Pending]] = defaultdict(list)
        for row in rows:
            by_topic[row.topic].append(row)
        good: defaultdict[str, int] = defaultdict(int)
        for topic, some in by_topic.items():
            records = [row.record for row in some]
            for record, body in zip(records, self._publisher.check(topic, records), strict=True):
                if isinstance(body, InvalidEventError):
                    self._metrics.bad.labels(topic.name).inc()
                    log.error(
                        "observation left out",
                        topic=topic.name,
                        reason=str(body),
                        **_key(topic, record),
                    )
                    continue
                self._publisher.publish(topic, record, value=body)
                good[topic.name] += 1
        self._publisher.flush(FLUSH_S)
        for name, count in good.items():
            self._metrics.snapshots.labels(name).inc(count)


def _key(topic: Topic, record: dict[str, object]) -> dict[str, object]:
    return {
        name: record.get(name) for name in dict.fromkeys((topic.key, "video_id")) if name in record
    }
