"""One projection's loop: fetch, decode, fold, write; and go on by itself after trouble."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import httpx
import polars as pl
import psycopg
import structlog
from confluent_kafka import KafkaException

from projections.backoff import Backoff
from projections.checkpoints import Progress
from projections.consumer import Fetched, LogConsumer, Partition
from projections.errors import NewerVersionError, RefusedError
from projections.projection import Projection
from projections.rejects import Rejects
from projections.spans import Outcome, Span
from projections.storable import unstorable
from projections.store import Store
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder, Reject
from schemas.publisher import Publisher, PublishError
from schemas.registry import Registry, SchemaRegistryError

HEARTBEAT_S = 3.0  # seconds between reports of an idle projection, and between group commits
RECHECK_S = 30.0  # seconds after which a partition that could not be read is looked at again

# A server is away. Anything else that reaches the loop is a fault of ours and shows its traceback.
_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    KafkaException,
    SchemaRegistryError,
    PublishError,
    httpx.HTTPError,
    OSError,
)

log = structlog.get_logger()


class Engine:
    """Folds a projection's topics into its tables for as long as the process lives.

    Args:
        publisher: makes the publisher of dead letters; called when the first one turns up.
        schema: PostgreSQL schema that the tables are in.
    """

    def __init__(
        self,
        projection: Projection,
        *,
        kafka: Mapping[str, Any],
        dsn: str,
        registry: Registry,
        publisher: Callable[[], Publisher],
        schema: str = "public",
    ) -> None:
        self._projection = projection
        self._kafka = kafka
        self._store = Store(dsn, projection, schema=schema)
        self._rejects = Rejects(publisher, component=projection.group)
        self._decoders = {
            source.topic.name: FrameDecoder(
                registry, source.topic, source.columns, address=projection.group
            )
            for source in projection.sources
        }
        self._problems: dict[Partition, str] = {}
        self._applied: dict[Partition, int] = {}
        self._log = log.bind(projection=projection.name)

    def run(self, stop: Event) -> None:
        """Apply what comes until `stop` is set.

        Servers that go away are waited for; nothing is lost meanwhile, since the checkpoint moves
        with the rows. Where another release has taken the tables over, it stands still and says so.
        """
        backoff = Backoff()
        while not stop.is_set():
            consumer: LogConsumer | None = None
            try:
                self._store.open()
                consumer = LogConsumer(self._kafka, self._projection.group, self._projection.topics)
                self._log.info("projection runs", version=self._projection.version)
                self._follow(consumer, stop, backoff)
            except NewerVersionError as error:
                self._log.error("projection stands still", reason=str(error))
                backoff.wait(stop)
            except _AWAY as error:
                self._log.warning("projection waits", reason=" ".join(str(error).split())[:500])
                backoff.wait(stop)
            except Exception:
                self._log.exception("projection waits")
                backoff.wait(stop)
            finally:
                self._store.close()
                if consumer is not None:
                    consumer.close()

    def _follow(self, consumer: LogConsumer, stop: Event, backoff: Backoff) -> None:
        heartbeat = recheck = time.monotonic()
        while not stop.is_set():
            if consumer.waiting:
                self._start(consumer)
                recheck = time.monotonic()
            for fetched in consumer.fetch():
                outcome = self._apply(fetched)
                if outcome in (Outcome.AHEAD, Outcome.CONFLICT):
                    where = f"{fetched.span.topic}/{fetched.span.partition}"
                    self._log.warning(
                        "reading again from the checkpoint", why=outcome.value, at=where
                    )
                    consumer.restart()
                    backoff.wait(stop)
                    break
                backoff.reset()
            now = time.monotonic()
            if now - heartbeat >= HEARTBEAT_S and not consumer.waiting:
                heartbeat = now
                self._report(consumer)
            if self._problems and now - recheck >= RECHECK_S:
                consumer.restart()

    def _start(self, consumer: LogConsumer) -> None:
        """Begin every assigned partition at its checkpoint, or say why that cannot be."""
        self._problems.clear()
        self._applied.clear()
        if not consumer.assigned:
            return
        positions: dict[Partition, tuple[int, int]] = {}
        for where in consumer.assigned:
            topic, partition = where
            checkpoint = self._store.position(topic, partition)
            low, high = consumer.watermarks(topic, partition)
            if checkpoint > high:
                self._problems[where] = (
                    f"{topic}/{partition} ends at offset {high}, but the tables hold everything "
                    f"below {checkpoint}: was the topic made anew, or Kafka restored from an older "
                    "copy? Raise the projection's version to fold it again from the beginning"
                )
                self._log.error("checkpoint beyond the log", reason=self._problems[where])
                continue
            if 0 < checkpoint < low:
                self._log.error(
                    "records lost to retention",
                    at=f"{topic}/{partition}",
                    first_lost=checkpoint,
                    count=low - checkpoint,
                )
            positions[where] = (checkpoint, max(checkpoint, low))
            self._applied[where] = checkpoint
        consumer.start(positions)
        self._report(consumer)

    def _apply(self, fetched: Fetched) -> Outcome:
        span, chunk = fetched.span, fetched.chunk
        source = self._projection.source(span.topic)
        checkpoint = self._store.checkpoint(span.topic, span.partition)
        if (outcome := span.against(checkpoint)) is not Outcome.APPLIED:
            return outcome
        if chunk is None:
            decoder = self._decoders[span.topic]
            outcome = self._store.apply(source, span, decoder.schema.to_frame(), high=fetched.high)
        else:
            frame = self._usable(chunk, checkpoint)
            outcome = self._merge(span, frame, chunk, fetched.high)
        if outcome is Outcome.APPLIED:
            self._applied[span.topic, span.partition] = span.end
        return outcome

    def _usable(self, chunk: Chunk, checkpoint: int) -> pl.DataFrame:
        """The chunk's good events; those that are not go to the dead letters, once."""
        decoded = self._decoders[chunk.topic].decode(chunk)
        frame, rejects = decoded.frame, decoded.rejects
        bad = unstorable(frame)
        if bad:
            offsets = frame["_offset"]
            rejects = [
                *rejects,
                *(Reject(chunk.offsets.index(offsets[row]), reason) for row, reason in bad),
            ]
            rows = pl.Series([row for row, _ in bad], dtype=pl.UInt32)
            frame = frame.filter(~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(rows.implode()))
        self._rejects.send(
            chunk, [reject for reject in rejects if chunk.offsets[reject.row] >= checkpoint]
        )
        return frame

    def _merge(self, span: Span, frame: pl.DataFrame, chunk: Chunk, high: int) -> Outcome:
        """Apply the frame; where that is refused, halve it down to the events that are to blame."""
        source = self._projection.source(span.topic)
        try:
            return self._store.apply(source, span, frame, high=high)
        except RefusedError as error:
            offsets = frame["_offset"]
            if frame.is_empty():
                raise
            if frame.height == 1:
                row = chunk.offsets.index(offsets.item())
                self._rejects.send(chunk, [Reject(row, str(error))])
                return self._store.apply(source, span, frame.clear(), high=high)
        middle = offsets[frame.height // 2]
        outcome = Outcome.REPEATED
        for part, rows in zip(
            span.split(middle),
            (frame.filter(offsets < middle), frame.filter(offsets >= middle)),
            strict=True,
        ):
            outcome = self._merge(part, rows, chunk, high)
            if outcome in (Outcome.AHEAD, Outcome.CONFLICT):
                return outcome
        return outcome

    def _report(self, consumer: LogConsumer) -> None:
        progress = [
            Progress(*where, applied, consumer.high(*where))
            for where, applied in self._applied.items()
        ]
        progress += [
            Progress(*where, self._store.checkpoint(*where), 0, problem=problem)
            for where, problem in self._problems.items()
        ]
        self._store.report(progress)
        consumer.commit(self._applied)
