"""Many events of one topic sealed, checked and encoded together, column by column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from schemas.avro_types import TIMESTAMP, NotColumnarError, frame_schema
from schemas.errors import InvalidEventError
from schemas.list_encoding import Column, ListEncoder, micros
from schemas.registry import Registry
from schemas.rules import violations
from schemas.topic import Topic
from schemas.wire import prefix

if TYPE_CHECKING:
    from schemas.personal.sealer import Sealer


class QuickCheck:
    """Takes the events that are as their schema has them; leaves the others for whoever explains.

    Args:
        sealer: seals the topic's personal fields; None where it has none.

    Raises:
        NotColumnarError: at construction, when the schema has a type that lists are not encoded of.
    """

    def __init__(self, topic: Topic, schema_id: int, sealer: Sealer | None) -> None:
        self._topic = topic
        self._sealer = sealer
        self._encoder = ListEncoder(topic.schema, prefix(schema_id))
        schema = frame_schema(topic.schema)
        ruled = {name for rule in topic.rules for name in rule.columns}
        self._ruled = {name: dtype for name, dtype in schema.items() if name in ruled}

    @classmethod
    def of(cls, topic: Topic, registry: Registry, sealer: Sealer | None) -> Self | None:
        """One for a topic; None where its events are checked each by itself."""
        if not topic.columnar:
            return None
        try:
            return cls(topic, registry.id_of(topic), sealer)
        except NotColumnarError:
            return None

    def check(
        self, records: Sequence[dict[str, Any]]
    ) -> tuple[list[bytes | InvalidEventError], list[int]]:
        """For each record its bytes or what is wrong with it; and the rows that are left.

        Raises:
            PersonalDataError, psycopg.OperationalError: there are no keys to seal with.
        """
        outcomes: list[bytes | InvalidEventError] = [b""] * len(records)
        columns, unfit = self._encoder.columns(records)
        rows = [row for row in range(len(records)) if row not in unfit]
        if unfit:
            columns = _taken(columns, rows)
        if not rows:
            return outcomes, sorted(unfit)
        wrong = self._sealer.columns(self._topic, columns) if self._sealer else {}
        for row, reason in violations(self._topic.rules, self._frame(columns)):
            wrong.setdefault(row, InvalidEventError("", reason))
        if wrong:
            good = [place for place in range(len(rows)) if place not in wrong]
            for place, error in wrong.items():
                outcomes[rows[place]] = error
            rows, columns = [rows[place] for place in good], _taken(columns, good)
        for row, body in zip(rows, self._encoder.encode(columns), strict=True):
            outcomes[row] = body
        return outcomes, sorted(unfit)

    def _frame(self, columns: dict[str, Column]) -> pl.DataFrame:
        """What the rules look at."""
        now = dt.datetime.now(dt.UTC)
        rows = len(next(iter(columns.values())))
        return pl.DataFrame(
            [
                *(_series(name, columns[name], dtype) for name, dtype in self._ruled.items()),
                _series("_timestamp", [now], TIMESTAMP).new_from_index(0, rows),
            ]
        )


def _series(name: str, column: Column, dtype: pl.DataType) -> pl.Series:
    if dtype == TIMESTAMP:  # from integers: from Python's instants it takes eight times as long
        return pl.Series(name, micros(column), pl.Int64).cast(TIMESTAMP)
    return pl.Series(name, column, dtype)


def _taken(columns: dict[str, Column], rows: Sequence[int]) -> dict[str, Column]:
    return {name: [column[row] for row in rows] for name, column in columns.items()}
