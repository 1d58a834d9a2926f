"""Watching for rows of others, while the partitions that are ours change."""

from __future__ import annotations

import asyncio

from schemas.catalogue import VIRALITY_SCORES
from streams.columnar.late_writers import OutputWatch
from tests.unit.schemas.fake_registry import FakeRegistry


class Moving(OutputWatch):
    """Partitions are given to somebody else while the broker is asked where they end."""

    def _ends(self) -> dict[int, int]:
        self.owned({0: 9})
        return {0: 9, 1: 7}


def watch(kind: type[OutputWatch]) -> OutputWatch:
    made = kind({}, VIRALITY_SCORES, FakeRegistry({1: VIRALITY_SCORES.schema}))
    made.owned({0: 5, 1: 5})
    return made


def test_what_was_asked_of_partitions_that_are_gone_is_not_looked_at() -> None:
    assert asyncio.run(watch(Moving).others()) == {}


def test_rows_of_a_flush_that_outlasts_its_assignment_are_not_taken_for_new_ones() -> None:
    """The restore has read them already; counted again they would hide as many rows of others."""
    moved = watch(OutputWatch)
    before = moved.assignment
    moved.owned({0: 9})
    moved.wrote(0, 4, before)
    assert moved._logs[0].written == 0
    moved.wrote(0, 4, moved.assignment)
    assert moved._logs[0].written == 4
