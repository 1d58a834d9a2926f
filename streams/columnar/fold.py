"""What an agent of its own brings to the runtime: a pure function over frames, and its schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.topic import Topic
from streams.columnar.state.arrays import gathered

ROW = "_row"


@dataclass(frozen=True, slots=True)
class Folded:
    """What a fold made of some events.

    Attributes:
        rows: the new state row of every key among the events, in any order.
        emitted: events that follow, by topic: frames with the columns of the topic's schema. They
            must be a function of the state and the input alone, ids included: after a crash they
            are made, and sent, again.
    """

    rows: pl.DataFrame
    emitted: Mapping[Topic, pl.DataFrame] = field(default_factory=dict)


class Fold(Protocol):
    """(state rows, events) -> state rows. Same events, same state, whatever the chunk boundaries.

    Args of a call:
        rows: one row for each key among the events, columns as in `Fold.state`. Of a key that has
            no state yet everything but the key is null.
        events: at least one, in the order of the log; the wanted fields, `_partition`, `_offset`,
            `_timestamp`, and `_row` UInt32: which of the rows the event belongs to. Already
            without duplicates and without what the rows contain.
    """

    @property
    def state(self) -> pl.Schema:
        """Columns of a state row: the key first; without `applied_offset` and `generation`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Fields of the input that the fold reads (the runtime adds the key and `event_id`)."""

    def __call__(self, rows: pl.DataFrame, events: pl.DataFrame) -> Folded:
        """Fold the events in."""

    def render(self, rows: pl.DataFrame) -> pl.DataFrame:
        """State rows as the output topic has them: derived columns are added here, at flush."""


def numbered(events: pl.DataFrame, key: str) -> tuple[pl.Series, pl.DataFrame]:
    """The distinct keys in the order in which they come, and the events with `_row`.

    Hashing each key once, here, makes every grouping after it one over small integers.
    """
    keys = events[key]
    # Categories of this call alone get their codes in the order in which they come.
    codes = keys.cast(pl.Categorical(pl.Categories.random())).to_physical()
    rows = codes.to_numpy()
    distinct = first_of_each(rows, keys, int(rows.max()) + 1)
    return distinct, events.with_columns(codes.alias(ROW))


def first_of_each(row: npt.NDArray[Any], values: pl.Series, count: int) -> pl.Series:
    """The first value of each of `count` rows.

    Args:
        row: which row a value belongs to, of any integer type, shape (values,); none is missing.
    """
    first = np.empty(count, dtype=np.int64)
    # Assigned from the last to the first: the first of each row stays.
    first[row[::-1]] = np.arange(len(row))[::-1]
    return gathered(values, first)
