"""A projection's tables: made, and written to with their checkpoint in one transaction."""

from __future__ import annotations

from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from projections.checkpoints import STATEMENTS, Checkpoints, Connection, Progress
from projections.errors import NewerVersionError, OlderVersionError, RefusedError
from projections.gone import Tombstones
from projections.projection import Projection, Source
from projections.spans import Outcome, Span
from projections.staging import Staged, copy, folded, one_line, staged_tombstones

# Errors that say something of the rows. A row too long for an index counts: psycopg files it
# under operational errors, but no waiting will shorten it.
REFUSALS = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
)

_CONNECT_TIMEOUT = 10  # seconds

# Commits may be reported before they are on disk: a server that crashes then loses rows together
# with their checkpoint, and they are folded again.
_SESSION = sql.SQL(
    "SET search_path TO {schema}; SET TimeZone TO 'UTC'; SET synchronous_commit TO off; "
    "SET jit TO off; SET idle_in_transaction_session_timeout TO {patience}"
)

# A process that falls asleep within a transaction, or whose machine is gone, holds locks that
# others wait for. PostgreSQL ends its session when it has said nothing for so long: about as soon
# as the group gives a projector up. Who builds tables does other work within a transaction.
_WRITERS_PATIENCE_S = 10
_BUILDERS_PATIENCE_S = 300


class Store:
    """One connection's view of a projection's tables. Not for several threads at once.

    Args:
        schema: PostgreSQL schema that the tables are in; made if it is missing.
        quiet: wake no listener and report no progress: nobody reads these tables yet.
    """

    def __init__(
        self, dsn: str, projection: Projection, *, schema: str = "public", quiet: bool = False
    ) -> None:
        self._dsn = dsn
        self._projection = projection
        self._schema = schema
        self._quiet = quiet
        self._checkpoints = Checkpoints(projection)
        self._expected: dict[tuple[str, int], int] = {}
        self._open: Connection | None = None

    @property
    def _connection(self) -> Connection:
        if self._open is None:
            raise psycopg.InterfaceError("the store is closed")
        return self._open

    def open(self) -> None:
        """Connect, and make the tables where they are missing.

        Raises:
            NewerVersionError: they belong to a later version of the projection.
            OlderVersionError: they belong to an earlier one.
            psycopg.OperationalError: PostgreSQL cannot be reached.
        """
        self.close()
        self._open = connection = connected(
            self._dsn, self._projection, self._schema, patience_s=_WRITERS_PATIENCE_S
        )
        migrate(connection, self._schema)
        claim(connection, self._projection, self._schema)
        connection.execute(STATEMENTS["staging"])
        connection.execute(self._projection.statements["staging"])

    def close(self) -> None:
        """Let go of the connection; `open` may follow."""
        self._expected.clear()
        if self._open is not None:
            self._open.close()
            self._open = None

    def position(self, topic: str, partition: int) -> int:
        """The checkpoint, read anew: the offset to read from.

        Raises:
            NewerVersionError: another release has taken the tables over.
        """
        at = self._checkpoints.read(self._connection, topic, partition)
        self._expected[topic, partition] = at
        return at

    def checkpoint(self, topic: str, partition: int) -> int:
        """The checkpoint as this store knows it."""
        known = self._expected.get((topic, partition))
        return self.position(topic, partition) if known is None else known

    def apply(
        self,
        source: Source,
        span: Span,
        frame: pl.DataFrame,
        tombstones: Tombstones | None = None,
        *,
        high: int,
        rows: list[Staged] | None = None,
    ) -> Outcome:
        """Fold events into the tables and move the checkpoint to the span's end, both or neither.

        Args:
            frame: the span's good events; those below the checkpoint are cut off here.
            tombstones: keys that are gone, by offset, the span's and perhaps others.
            high: the partition's end as last heard, for those who watch the lag.
            rows: what `folded` made of all of the frame, where that was done ahead.

        Returns:
            What became of it; nothing is written unless it is APPLIED.

        Raises:
            RefusedError: the fold fails, or PostgreSQL refuses what it gives.
            psycopg.OperationalError: PostgreSQL is away, or the transaction lost to another.
        """
        expected = self.checkpoint(span.topic, span.partition)
        outcome = span.against(expected)
        if outcome is not Outcome.APPLIED:
            return outcome
        if span.start < expected:
            frame, rows = frame.filter(pl.col("_offset") >= expected), None
        if rows is None:
            rows = folded(source, frame)
        first = max(span.start, expected)
        gone = {at: key for at, key in (tombstones or {}).items() if first <= at < span.end}
        connection = self._connection
        try:
            with connection.transaction():
                for part in rows:
                    copy(connection, part)
                # Only now: nobody waits for one who falls asleep while it copies, which no timeout
                # of PostgreSQL's would end.
                if not self._checkpoints.advance(connection, span, expected):
                    raise psycopg.Rollback
                if gone:
                    copy(connection, staged_tombstones(gone))
                    for name in source.deletes:
                        connection.execute(self._projection.statements[name])
                if rows:
                    for name in source.upserts:
                        connection.execute(self._projection.statements[name])
                if not self._quiet:
                    self._tell(span, frame, high)
                self._expected[span.topic, span.partition] = span.end
        except REFUSALS as error:
            self._expected[span.topic, span.partition] = expected
            raise RefusedError(f"PostgreSQL refuses it: {one_line(error)}") from error
        except BaseException:
            self._expected.pop((span.topic, span.partition), None)
            raise
        if self._expected[span.topic, span.partition] != span.end:
            del self._expected[span.topic, span.partition]
            return Outcome.CONFLICT
        return Outcome.APPLIED

    def _tell(self, span: Span, frame: pl.DataFrame, high: int) -> None:
        newest: Any = frame["_timestamp"].max()
        where = (span.topic, span.partition, span.end, high, newest)
        self._checkpoints.report(self._connection, [Progress(*where)])
        if frame.height:
            self._checkpoints.notify(self._connection, span, frame.height)

    def report(self, progress: list[Progress]) -> None:
        """Tell those who watch how far the partitions are, apart from any rows."""
        if progress:
            with self._connection.transaction():
                self._checkpoints.report(self._connection, progress)


def connected(
    dsn: str, projection: Projection, schema: str, *, patience_s: int = _BUILDERS_PATIENCE_S
) -> Connection:
    """A connection to the projection's tables in that schema, in autocommit.

    Args:
        patience_s: seconds of silence within a transaction after which PostgreSQL ends it.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached.
    """
    connection: Connection = psycopg.connect(
        dsn,
        autocommit=True,
        connect_timeout=_CONNECT_TIMEOUT,
        application_name=f"groundswell projection {projection.name}",
    )
    words = {"schema": sql.Identifier(schema), "patience": sql.Literal(f"{patience_s}s")}
    connection.execute(_SESSION.format(**words))
    return connection


def migrate(connection: Connection, schema: str) -> None:
    """Make the schema and the engine's own tables, one process at a time."""
    with connection.transaction():
        connection.execute(STATEMENTS["lock_migration"], {"schema": schema})
        create = sql.SQL("CREATE SCHEMA IF NOT EXISTS {}")
        connection.execute(create.format(sql.Identifier(schema)))
        connection.execute(STATEMENTS["tables"])


def claim(connection: Connection, projection: Projection, schema: str) -> None:
    """Make the projection's tables where there are none.

    Raises:
        NewerVersionError: there are some of a later version.
        OlderVersionError: there are some of an earlier version.
    """
    name, version = projection.name, projection.version
    with connection.transaction():
        connection.execute(STATEMENTS["lock_migration"], {"schema": schema})
        connection.execute(STATEMENTS["set_version"], {"projection": name, "version": version})
        row: Any = connection.execute(STATEMENTS["version"], {"projection": name}).fetchone()
        found = int(row[0])
        if found > version:
            raise NewerVersionError(
                f"the tables of projection {name} are of version {found}, this process has "
                f"{version}: run the release that made them, or a later one"
            )
        if found < version:
            raise OlderVersionError(
                f"the tables of projection {name} are of version {found}, this process has "
                f"{version}"
            )
        connection.execute(projection.statements["tables"])
