"""What an agent of its own brings to the runtime: a pure function over frames, and its schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from schemas.catalogue import Topic


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
        rows: state rows of those keys among the events that have one, in any order; columns as in
            [`Fold.state`][streams.columnar.fold.Fold.state]. A key that is new has none.
        events: at least one, in the order of the log; the wanted fields and `_partition`,
            `_offset`, `_timestamp`. Already without duplicates and without what the rows contain.
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
