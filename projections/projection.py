"""What a projection is: topics, SQL, and a pure function from frame to frames for each topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from schemas.sql import Statements
from schemas.topic import Topic

Fold = Callable[[pl.DataFrame], Mapping[str, pl.DataFrame]]


@dataclass(frozen=True)
class Source:
    """One topic of a projection.

    Attributes:
        topic: where the events are from.
        columns: the events' fields that the fold reads, None is all. Fewer are faster.
        fold: pure: from events (the fields and `_partition`, `_offset`, `_timestamp`, in the order
            of the log) to rows by staging table. A frame named `x` is copied into `staged_x`,
            which has its columns. Lists of strings or numbers become arrays; JSON is text.
        upserts: statements that merge the staged rows into the tables, in this order. They must
            give the same tables whatever the chunks were, and change nothing when run again with
            rows that are there.
        tables: table by frame, where the rows of every frame are the table's rows as they stand
            and no other source writes to these tables. A rebuild folds each key's events at once
            and copies such rows straight into the tables.
        deletes: statements for keys that the topic says are gone (records without a value): they
            stand in `staged_tombstones` (key text, log_offset bigint), and rows that were written
            from before that offset go. They run before the upserts.
    """

    topic: Topic
    columns: tuple[str, ...] | None
    fold: Fold
    upserts: tuple[str, ...]
    tables: Mapping[str, str] = field(default_factory=dict)
    deletes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Projection:
    """A read model.

    Attributes:
        version: raised whenever tables or folds change; the tables are folded again from the log.
        statements: of its .sql file: `tables` and `staging` (both idempotent; staging are
            temporary tables that empty themselves at commit), and the upserts. Table names have
            no schema: which one they live in is for the engine to say.
    """

    name: str
    version: int
    statements: Statements
    sources: tuple[Source, ...]

    @property
    def group(self) -> str:
        """The consumer group, by which partitions are shared out and lag tools see progress."""
        return f"groundswell.projection.{self.name}"

    @property
    def topics(self) -> tuple[str, ...]:
        """Names of its topics."""
        return tuple(source.topic.name for source in self.sources)

    def source(self, topic: str) -> Source:
        """The source of that topic.

        Raises:
            KeyError: the projection does not read it.
        """
        for source in self.sources:
            if source.topic.name == topic:
                return source
        raise KeyError(f"projection {self.name} does not read {topic}")
