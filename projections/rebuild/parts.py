"""Pieces of a partition that follow each other, and what they are together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from projections.gone import Tombstones, alive
from projections.spans import Span


@dataclass(frozen=True, slots=True)
class Part:
    """What a span holds.

    Attributes:
        events: without those that their key's tombstone follows within the part.
        tombstones: keys that are gone, by offset.
    """

    span: Span
    events: pl.DataFrame
    tombstones: Tombstones = field(default_factory=dict)


def joined(parts: list[Part], key: str) -> Part:
    """Parts of a partition in the order of the log, as one."""
    span = replace(parts[0].span, end=parts[-1].span.end)
    tombstones = merged(part.tombstones for part in parts)
    events = pl.concat([part.events for part in parts])
    return Part(span, alive(events, key, tombstones), tombstones)


def merged(tombstones: Iterable[Tombstones]) -> Mapping[int, str]:
    """All of them."""
    return {offset: key for some in tombstones for offset, key in some.items()}


def gathered(parts: Iterable[Part], key: str, most: int) -> Iterator[Part]:
    """Parts that follow each other, joined until they have `most` events."""
    waiting: list[Part] = []
    for part in parts:
        waiting.append(part)
        if sum(one.events.height for one in waiting) >= most:
            yield joined(waiting, key)
            waiting = []
    if waiting:
        yield joined(waiting, key)
