"""Spans of the log, piece by piece and without a break."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from projections.spans import Span
from schemas.chunks import Chunk
from streams.columnar.kafka.log import Slice, chunks, slices


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: the span, and its records; None where it holds none any more."""

    span: Span
    chunk: Chunk | None


def whole(kafka: dict[str, str], topic: str, until: dt.datetime | None = None) -> list[Span]:
    """All that a topic holds now, by partition.

    Args:
        until: only what the log received before then.

    Raises:
        LogReadError: the broker does not answer, or has no such topic.
    """
    return [
        Span(topic, part.partition, part.first, max(part.first, part.last))
        for part in slices(kafka, topic, until=until)
    ]


def pieces(kafka: dict[str, str], wanted: Span) -> Iterator[Read]:
    """What a span holds, transactions that were taken back left out.

    Raises:
        LogReadError: the broker refuses or does not answer, or retention has removed records.
    """
    topic, partition, at = wanted.topic, wanted.partition, wanted.start
    with closing(chunks(kafka, [Slice(topic, partition, at, wanted.end)])) as fetched:
        for chunk in fetched:
            end = chunk.last_offset + 1
            yield Read(Span(topic, partition, at, end), chunk)
            at = end
    if at < wanted.end:
        yield Read(Span(topic, partition, at, wanted.end), None)
