"""Batches of events into the log: checked, published, acknowledged, counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from infra.ingest.rows import LINE, BadRow, Batch
from schemas.errors import InvalidEventError
from schemas.publisher import Publisher
from schemas.topic import Topic

FIRST_ERRORS = 20  # bad rows that a report shows
FLUSH_SECONDS = 120.0

_CHECK_ROWS = 5_000  # dicts that are held against the rules at once

Progress = Callable[[int, int], None]


@dataclass
class Report:
    """What became of the rows: each one was published or rejected.

    Attributes:
        published: events acknowledged by the broker.
        rejected: bad rows.
        seconds: from the first row read to the last acknowledgement.
        by_topic: published events per topic.
        first_errors: the first bad rows.
    """

    published: int = 0
    rejected: int = 0
    seconds: float = 0.0
    by_topic: Counter[str] = field(default_factory=Counter)
    first_errors: list[BadRow] = field(default_factory=list)

    @property
    def events_per_second(self) -> float:
        """Published events per second of the whole run."""
        return self.published / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """The report under the names that scripts read."""
        return {
            "published": self.published,
            "rejected": self.rejected,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.events_per_second),
            "by_topic": dict(self.by_topic),
            "first_errors": [bad._asdict() for bad in self.first_errors],
        }

    def reject(self, bad: Iterable[BadRow]) -> None:
        """Count bad rows, and keep the first of them."""
        for row in bad:
            self.rejected += 1
            if len(self.first_errors) < FIRST_ERRORS:
                self.first_errors.append(row)


def publish_batches(
    batches: Iterable[Batch],
    publisher: Publisher,
    progress: Progress = lambda published, rejected: None,
) -> Report:
    """Publish every good event; return once the broker has acknowledged all of them.

    Args:
        progress: told, after each batch, how many were published and rejected so far.

    Raises:
        PublishError: the broker refused an event or does not answer.
        IngestError: a file cannot be read on; what came before it is in the log.
    """
    report = Report()
    started = time.monotonic()
    try:
        for batch in batches:
            report.reject(batch.bad)
            if isinstance(batch.events, pl.DataFrame):
                _publish_frame(batch.topic, batch.file, batch.events, publisher, report)
            else:
                _publish_dicts(batch, batch.events, publisher, report)
            progress(report.published, report.rejected)
    finally:
        publisher.flush(FLUSH_SECONDS)
    report.seconds = time.monotonic() - started
    return report


def _publish_frame(
    topic: Topic, file: str, frame: pl.DataFrame, publisher: Publisher, report: Report
) -> None:
    events = frame.drop(LINE)
    lines = frame[LINE].to_list()
    outcomes = publisher.check_frame(topic, events)
    # Beside its bytes, a record needs its key and what its headers say.
    heads = events.select(topic.key, "event_id", "occurred_at").iter_rows(named=True)
    sent = 0
    for row, (event, outcome) in enumerate(zip(heads, outcomes, strict=True)):
        if isinstance(outcome, InvalidEventError):
            report.reject([BadRow(file, lines[row], str(outcome))])
        else:
            publisher.publish(topic, event, value=outcome)
            sent += 1
    _count(report, topic, sent)


def _publish_dicts(
    batch: Batch, events: list[dict[str, Any]], publisher: Publisher, report: Report
) -> None:
    sent = 0
    for at in range(0, len(events), _CHECK_ROWS):
        part = events[at : at + _CHECK_ROWS]
        for row, (event, outcome) in enumerate(
            zip(part, publisher.check(batch.topic, part), strict=True), at
        ):
            if isinstance(outcome, InvalidEventError):
                report.reject([BadRow(batch.file, batch.lines[row], str(outcome))])
            else:
                publisher.publish(batch.topic, event, value=outcome)
                sent += 1
    _count(report, batch.topic, sent)


def _count(report: Report, topic: Topic, sent: int) -> None:
    report.published += sent
    if sent:
        report.by_topic[topic.name] += sent
