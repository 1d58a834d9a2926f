"""What passes between the steps of an ingest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from schemas.topic import Topic

LINE = "_line"  # column with a row's place in its file: Int64, counted from 1


class BadRow(NamedTuple):
    """A row that cannot be published.

    Attributes:
        file: name of the file.
        line: its line in a text file, its row in a parquet file; both from 1.
        reason: what is wrong and what was expected.
    """

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a file as they stand there.

    Attributes:
        frame: the file's columns and `_line`. From a text file every column is String: an empty
            CSV cell and a JSON null are null, other JSON values are their JSON text.
        bad: rows that could not even be read.
    """

    frame: pl.DataFrame
    bad: list[BadRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one topic, ready to be held against its rules and published.

    Attributes:
        topic: where they go.
        file: the file they are from.
        events: a frame with the topic's fields in their dtypes and `_line`; or events as dicts
            whose types are still to be checked.
        lines: the line of each event, where `events` are dicts.
        bad: rows that did not become events.
    """

    topic: Topic
    file: str
    events: pl.DataFrame | list[dict[str, Any]]
    lines: Sequence[int] = ()
    bad: list[BadRow] = field(default_factory=list)
