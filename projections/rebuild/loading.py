"""Buckets into tables: insert-only, one transaction each, folded while the last one is copied."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import polars as pl
import psycopg
from psycopg import sql

from projections.checkpoints import Connection
from projections.errors import BuildStoppedError, RefusedError, stopped_at
from projections.projection import Source
from projections.rebuild.buckets import Buckets
from projections.rebuild.statements import STATEMENTS
from projections.staging import Staged, copied, copy, one_line
from projections.store import REFUSALS


class Loader:
    """Folds one source's buckets and copies the rows into its tables.

    Args:
        connection: to the build's schema, in autocommit.
    """

    def __init__(self, connection: Connection, source: Source, buckets: Buckets) -> None:
        self._connection = connection
        self._source = source
        self._topic = source.topic.name
        self._buckets = buckets

    def load(self) -> None:
        """Load every bucket that is not in the tables yet.

        Raises:
            BuildStoppedError: an event cannot be folded, or PostgreSQL refuses what comes of it.
        """
        found = self._connection.execute(STATEMENTS["loaded"], {"topic": self._topic})
        done = {row[0] for row in found}
        with ThreadPoolExecutor(1, thread_name_prefix="copy") as copying:
            last: tuple[int, Future[None]] | None = None
            for bucket in range(self._buckets.count):
                events = None if bucket in done else self._buckets.events(bucket)
                if events is None:
                    continue
                rows = self._folded(bucket, events)
                self._await(last)
                last = bucket, copying.submit(self._copy, bucket, rows)
            self._await(last)

    def _folded(self, bucket: int, events: pl.DataFrame) -> list[Staged]:
        try:
            return self._rows(events)
        except RefusedError as error:
            raise self._stopped(bucket, error) from None

    def _await(self, last: tuple[int, Future[None]] | None) -> None:
        if last is not None:
            bucket, copied_ = last
            try:
                copied_.result()
            except RefusedError as error:
                raise self._stopped(bucket, error) from None

    def _rows(self, events: pl.DataFrame) -> list[Staged]:
        try:
            frames = self._source.fold(events)
        except (Exception, pl.exceptions.PanicException) as error:
            raise RefusedError(f"cannot be folded: {one_line(error)}") from error
        return [
            copied(frame, sql.Identifier(self._source.tables[name]))
            for name, frame in frames.items()
            if not frame.is_empty()
        ]

    def _copy(self, bucket: int | None, rows: list[Staged]) -> None:
        """Copy rows and note that the bucket is in; without a bucket, only try."""
        try:
            with self._connection.transaction():
                for part in rows:
                    copy(self._connection, part)
                if bucket is None:
                    raise psycopg.Rollback
                facts = {"topic": self._topic, "bucket": bucket}
                self._connection.execute(STATEMENTS["load"], facts)
        except REFUSALS as error:
            raise RefusedError(f"PostgreSQL refuses it: {one_line(error)}") from error

    def _stopped(self, bucket: int, error: RefusedError) -> BuildStoppedError:
        """Which event is to blame, found by halves."""
        events = self._buckets.events(bucket)
        assert events is not None
        while events.height > 1:
            half = events.height // 2
            for part in (events[:half], events[half:]):
                try:
                    self._copy(None, self._rows(part))
                except RefusedError as refused:
                    events, error = part, refused
                    break
            else:
                return BuildStoppedError(f"stopped in {self._topic}: {error}")
        where = self._topic, events["_partition"].item(), events["_offset"].item()
        return stopped_at(*where, str(error))
