"""Spans of the log, and how one stands to a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What became of a span that was to be applied."""

    APPLIED = "applied"
    REPEATED = "repeated"  # all of it had been applied before
    AHEAD = "ahead"  # it begins beyond the checkpoint: what lies between was not read
    CONFLICT = "conflict"  # somebody else has moved the checkpoint meanwhile


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets `start` to `end` (excluded) of a partition, read without a break.

    It need not hold a record for each offset: compaction and control records leave holes. That a
    reader came from `start` to `end` without skipping is what makes it whole.
    """

    topic: str
    partition: int
    start: int
    end: int

    def against(self, checkpoint: int) -> Outcome:
        """What applying this would be, where all offsets below `checkpoint` are applied."""
        if self.end <= checkpoint:
            return Outcome.REPEATED
        if self.start > checkpoint:
            return Outcome.AHEAD
        return Outcome.APPLIED

    def split(self, at: int) -> tuple[Span, Span]:
        """The offsets below `at`, and the others."""
        return (
            Span(self.topic, self.partition, self.start, at),
            Span(self.topic, self.partition, at, self.end),
        )
