"""One projection's loop: fetch, decode, fold, write; and go on by itself after trouble."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import psycopg
import structlog
from confluent_kafka import KafkaException

from projections.applying import Applier, Ready
from projections.backoff import Backoff
from projections.checkpoints import Progress
from projections.consumer import LogConsumer, Partition
from projections.errors import BuildStoppedError, NewerVersionError, OlderVersionError
from projections.projection import Projection
from projections.rebuild import Surroundings, rebuild
from projections.rejects import Rejects
from projections.spans import Outcome
from projections.staging import one_line
from projections.store import Store
from projections.writer import Writer
from schemas.publisher import Publisher, PublishError
from schemas.registry import Registry, SchemaRegistryError
from streams.columnar.kafka.log import LogReadError

HEARTBEAT_S = 3.0  # seconds between reports of an idle projection, and between group commits
RECHECK_S = 30.0  # seconds after which a partition that could not be read is looked at again

# A server is away. Anything else that reaches the loop is a fault of ours and shows its traceback.
_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    KafkaException,
    LogReadError,
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
        scratch: a directory for the events of a rebuild on their way.
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
        scratch: Path,
        schema: str = "public",
    ) -> None:
        self._projection = projection
        self._kafka = kafka
        self._around = Surroundings(kafka, dsn, registry, scratch)
        self._schema = schema
        self._store = Store(dsn, projection, schema=schema)
        rejects = Rejects(publisher, component=projection.group)
        self._applier = Applier(projection, self._store, rejects, registry)
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
            except OlderVersionError as error:
                self._renew(str(error), stop, backoff)
            except NewerVersionError as error:
                self._log.error("projection stands still", reason=str(error))
                backoff.wait(stop)
            except _AWAY as error:
                self._log.warning("projection waits", reason=one_line(error))
                backoff.wait(stop)
            except Exception:
                self._log.exception("projection waits")
                backoff.wait(stop)
            finally:
                self._store.close()
                if consumer is not None:
                    consumer.close()

    def _renew(self, reason: str, stop: Event, backoff: Backoff) -> None:
        """Fold tables of this version beside those that there are, which serve until then."""
        self._log.warning("folding anew", reason=reason)
        try:
            rebuild(self._projection, self._around, live=self._schema, leave_out=True)
        except BuildStoppedError as error:
            self._log.error("projection stands still", reason=str(error))
            backoff.wait(stop)
        except _AWAY as error:
            self._log.warning("projection waits", reason=one_line(error))
            backoff.wait(stop)

    def _follow(self, consumer: LogConsumer, stop: Event, backoff: Backoff) -> None:
        heartbeat = recheck = time.monotonic()
        with closing(Writer(self._applier.apply)) as writer:
            while not stop.is_set():
                if consumer.waiting:
                    writer.outcome()
                    self._start(consumer)
                    recheck = time.monotonic()
                for fetched in consumer.fetch():
                    ready = self._applier.ready(fetched)
                    if self._must_restart(writer.outcome()):
                        consumer.restart()
                        backoff.wait(stop)
                        break
                    backoff.reset()
                    writer.write(ready)
                now = time.monotonic()
                if now - heartbeat >= HEARTBEAT_S and not consumer.waiting:
                    heartbeat = now
                    if not self._must_restart(writer.outcome()):  # they share a connection
                        self._report(consumer)
                    else:
                        consumer.restart()
                if self._problems and now - recheck >= RECHECK_S:
                    consumer.restart()

    def _must_restart(self, written: tuple[Ready, Outcome] | None) -> bool:
        """Note what was applied; whether the log has to be read again from the checkpoints."""
        if written is None:
            return False
        ready, outcome = written
        span = ready.fetched.span
        if outcome in (Outcome.AHEAD, Outcome.CONFLICT):
            where = f"{span.topic}/{span.partition}"
            self._log.warning("reading again from the checkpoint", why=outcome.value, at=where)
            return True
        if outcome is Outcome.APPLIED:
            self._applied[span.topic, span.partition] = span.end
        return False

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
