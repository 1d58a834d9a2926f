"""A projection folded from the beginning of the log into a schema of its own."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl
import structlog
from psycopg import sql

from projections.applying import usable
from projections.errors import BuildStoppedError, RefusedError, stopped_at
from projections.projection import Projection, Source
from projections.rebuild.buckets import Buckets
from projections.rebuild.letters import known_letters
from projections.rebuild.loading import Loader
from projections.rebuild.parts import Part, gathered
from projections.rebuild.reading import pieces, whole
from projections.rebuild.statements import STATEMENTS
from projections.spans import Outcome, Span
from projections.store import Store, connected
from schemas.frames import FrameDecoder
from schemas.registry import Registry

_BUCKET_EVENTS = 250_000
_SPAN_EVENTS = 200_000  # merged at once where rows are not copied straight

Progress = Callable[[int, int], None]
Partition = tuple[str, int]

log = structlog.get_logger()


class Build:
    """Folds into tables that nobody reads yet. Killed at any point, the next one goes on.

    Args:
        schema: of the tables; one build at a time works in it.
        scratch: a directory for events on their way.
        until: only what the log received before then.
        leave_out: whether records that are dead letters of this projection already are passed
            over. What is not known as unusable stops the build.
        progress: called with events done and to be done.
    """

    def __init__(
        self,
        projection: Projection,
        *,
        kafka: Mapping[str, str],
        dsn: str,
        registry: Registry,
        schema: str,
        scratch: Path,
        until: dt.datetime | None = None,
        leave_out: bool = False,
        progress: Progress = lambda done, total: None,
    ) -> None:
        self._projection = projection
        self._kafka = dict(kafka)
        self._dsn = dsn
        self._schema = schema
        self._scratch = scratch / schema
        self._until = until
        self._leave_out = leave_out
        self._progress = progress
        self._decoders = {
            source.topic.name: FrameDecoder(
                registry, source.topic, source.columns, address=projection.group
            )
            for source in projection.sources
        }
        self._facts = {"projection": projection.name, "version": projection.version}
        self._known: dict[str, dict[int, set[int]]] = {}
        self._store = Store(dsn, projection, schema=schema, quiet=True)
        self._done = self._total = 0

    def fold(self) -> int:
        """Fold everything that the log holds when the build begins.

        Returns:
            Offsets that were gone through, those of a killed predecessor included.

        Raises:
            BuildStoppedError: a record cannot be used; the message says which.
        """
        wanted = self._begin()
        self._total = sum(span.end - span.start for span in wanted)
        self._know_letters()
        self._store.open()
        for source in self._projection.sources:
            of_source = [span for span in wanted if span.topic == source.topic.name]
            if source.tables:
                self._copy(source, of_source)
            else:
                self._merge(source, of_source)
        shutil.rmtree(self._scratch, ignore_errors=True)
        return self._total

    def follow(self) -> int:
        """Fold what has come since.

        Returns:
            How many offsets that were.
        """
        ends = {(span.topic, span.partition): span.end for span in self._spans()}
        before = self._done
        self.reach(ends)
        return self._done - before

    def reach(self, ends: Mapping[Partition, int]) -> None:
        """Fold up to these offsets at least.

        Raises:
            BuildStoppedError: a record cannot be used, and is not known for it.
        """
        for (topic, partition), end in ends.items():
            at = self._store.position(topic, partition)
            if at < end:
                self._total += end - at
                self._fold_in(self._projection.source(topic), Span(topic, partition, at, end))

    def close(self) -> None:
        """Let go of the tables."""
        self._store.close()

    def _begin(self) -> list[Span]:
        """What is to be folded; where a build was begun before, what that one had to fold."""
        # A hash is the same in one release of Polars only.
        bucketing = f"Polars {pl.__version__}, {_BUCKET_EVENTS} events in a bucket"
        facts = {**self._facts, "bucketing": bucketing}
        with connected(self._dsn, self._projection, self._schema) as connection:
            table = connection.execute(STATEMENTS["begun"], {"table": self._quoted("builds")})
            if table.fetchone() != (None,):
                row: Any = connection.execute(STATEMENTS["resume"], facts).fetchone()
                wanted = [] if row is None else [Span(**span) for span in row[0]]
                if row is not None and self._still_there(wanted):
                    log.info("build goes on", projection=self._projection.name)
                    return wanted
            wanted = self._spans()
            shutil.rmtree(self._scratch, ignore_errors=True)
            ends = json.dumps([asdict(span) for span in wanted])
            with connection.transaction():
                name = sql.Identifier(self._schema)
                connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name))
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
                connection.execute(STATEMENTS["tables"])
                connection.execute(STATEMENTS["begin"], {**facts, "ends": ends})
        return wanted

    def _quoted(self, table: str) -> str:
        return sql.Identifier(self._schema, table).as_string(None)

    def _spans(self) -> list[Span]:
        return [
            span
            for topic in self._projection.topics
            for span in whole(self._kafka, topic, self._until)
        ]

    def _still_there(self, wanted: list[Span]) -> bool:
        """Whether the log still holds what was to be folded, from its first record to its last."""
        now = {(span.topic, span.partition): span for span in self._spans()}
        return {(s.topic, s.partition) for s in wanted} == now.keys() and all(
            span.start == now[span.topic, span.partition].start
            and span.end <= now[span.topic, span.partition].end
            for span in wanted
        )

    def _know_letters(self) -> None:
        if self._leave_out:
            self._known = {
                source.topic.name: known_letters(self._kafka, source.topic, self._projection.group)
                for source in self._projection.sources
            }

    def _parts(self, wanted: Span) -> Iterator[Part]:
        """The good events of a span, piece by piece.

        Raises:
            BuildStoppedError: a record cannot be used, and is not known for it.
        """
        source, decoder = self._projection.source(wanted.topic), self._decoders[wanted.topic]
        for read in pieces(self._kafka, wanted):
            if read.chunk is None:
                yield Part(read.span, decoder.schema.to_frame())
                continue
            frame, tombstones, rejects = usable(source, decoder, read.chunk)
            for reject in rejects:
                offset = read.chunk.offsets[reject.row]
                self._leave(wanted.topic, wanted.partition, offset, reject.reason)
            known = self._known.get(wanted.topic, {}).get(wanted.partition)
            if known:
                frame = frame.filter(~pl.col("_offset").is_in(known))
            yield Part(read.span, frame, tombstones)

    def _leave(self, topic: str, partition: int, offset: int, reason: str) -> None:
        """Pass over a record that is a dead letter, perhaps since the build began.

        Raises:
            BuildStoppedError: it is none.
        """

        def is_known() -> bool:
            return offset in self._known.get(topic, {}).get(partition, ())

        if not is_known():
            self._know_letters()
            if not is_known():
                raise stopped_at(topic, partition, offset, reason)

    def _report(self, events: int) -> None:
        self._done += events
        self._progress(self._done, self._total)

    def _copy(self, source: Source, wanted: list[Span]) -> None:
        """Fold each key's whole story at once, and copy what comes of it into the tables."""
        topic = source.topic.name
        if all(self._store.position(topic, span.partition) >= span.end for span in wanted):
            return  # by a predecessor
        count = max(1, -(-sum(span.end - span.start for span in wanted) // _BUCKET_EVENTS))
        buckets = Buckets(self._scratch / topic, source.topic.key, count)
        for span in wanted:
            at = buckets.end(span.partition, span.start)
            self._report(at - span.start)
            for part in self._parts(replace(span, start=at)):
                buckets.add(part)
                self._report(part.span.end - part.span.start)
        buckets.write()
        with connected(self._dsn, self._projection, self._schema) as connection:
            Loader(connection, source, buckets).load()
            with connection.transaction():
                for span in wanted:
                    connection.execute(STATEMENTS["folded"], {**self._facts, **asdict(span)})

    def _merge(self, source: Source, wanted: list[Span]) -> None:
        """Fold piece by piece and merge, as a projector does, only more at once."""
        for span in wanted:
            at = max(span.start, self._store.position(span.topic, span.partition))
            self._report(min(at, span.end) - span.start)
            if at < span.end:
                self._fold_in(source, replace(span, start=at))

    def _fold_in(self, source: Source, wanted: Span) -> None:
        """Merge a span that begins at its checkpoint.

        Raises:
            BuildStoppedError: a record cannot be used, and is not known for it.
        """
        for part in gathered(self._parts(wanted), source.topic.key, _SPAN_EVENTS):
            self._apply(source, part)
            self._report(part.span.end - part.span.start)

    def _apply(self, source: Source, part: Part) -> None:
        span, events = part.span, part.events
        try:
            outcome = self._store.apply(source, span, events, part.tombstones, high=span.end)
        except RefusedError as error:
            if events.height == 1:
                self._leave(span.topic, span.partition, events["_offset"].item(), str(error))
                self._apply(source, replace(part, events=events.clear()))
                return
            if events.is_empty():
                raise
            middle = events["_offset"][events.height // 2]
            below = events["_offset"] < middle
            first, last = span.split(middle)
            self._apply(source, replace(part, span=first, events=events.filter(below)))
            self._apply(source, replace(part, span=last, events=events.filter(~below)))
            return
        if outcome is not Outcome.APPLIED:
            raise BuildStoppedError(f"something else has written to the schema {self._schema}")
