"""Where a projection stands: moved by compare-and-set, inside the transaction of the rows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import psycopg

from projections.errors import NewerVersionError
from projections.projection import Projection
from projections.spans import Span
from schemas.sql import beside

Connection = psycopg.Connection[tuple[Any, ...]]

STATEMENTS = beside(__file__)


class Progress(NamedTuple):
    """How far a partition is applied, for those who watch.

    Attributes:
        high: the partition's end as last seen.
        last_event_at: log timestamp of the newest event applied; None leaves what was reported.
        problem: why the partition is not being read, None while it is.
    """

    topic: str
    partition: int
    next_offset: int
    high: int
    last_event_at: dt.datetime | None = None
    problem: str | None = None


class Checkpoints:
    """The checkpoints of one version of a projection."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self._key = {"projection": projection.name, "version": projection.version}

    def read(self, connection: Connection, topic: str, partition: int) -> int:
        """The offset from which on nothing is applied; 0 for a partition met for the first time.

        Raises:
            NewerVersionError: the tables are another version's by now.
        """
        where = {**self._key, "topic": topic, "partition": partition}
        with connection.transaction():
            connection.execute(STATEMENTS["begin"], where)
            row = connection.execute(STATEMENTS["read"], where).fetchone()
        if row is None:
            raise NewerVersionError(
                f"the tables of projection {self._projection.name} are no longer of version "
                f"{self._projection.version}: another release of Groundswell has taken them over; "
                "stop this process"
            )
        return int(row[0])

    def advance(self, connection: Connection, span: Span, expected: int) -> bool:
        """Move the checkpoint from `expected` to the span's end.

        The row stays locked until the transaction ends, so a second writer waits here, and then
        finds that it has lost. A rebuild that takes the tables' place waits for the transaction,
        and the next one for the rebuild.

        Returns:
            False where the checkpoint is not at `expected`.
        """
        where = {**self._key, "topic": span.topic, "partition": span.partition}
        connection.execute(STATEMENTS["share"], self._key)
        moved = connection.execute(
            STATEMENTS["advance"], {**where, "expected": expected, "next": span.end}
        )
        return moved.fetchone() is not None

    def report(self, connection: Connection, progress: Iterable[Progress]) -> None:
        """Tell those who watch how far the partitions are."""
        rows = [
            {
                **self._key,
                "topic": part.topic,
                "partition": part.partition,
                "next": part.next_offset,
                "high": part.high,
                "last_event_at": part.last_event_at,
                "problem": part.problem,
            }
            for part in progress
        ]
        with connection.cursor() as cursor:
            cursor.executemany(STATEMENTS["report"], rows)

    def notify(self, connection: Connection, span: Span, rows: int) -> None:
        """Wake the listeners of channel `groundswell` when the transaction commits."""
        payload = {
            "projection": self._projection.name,
            "topic": span.topic,
            "partition": span.partition,
            "next_offset": span.end,
            "rows": rows,
        }
        connection.execute(STATEMENTS["notify"], {"payload": json.dumps(payload)})
