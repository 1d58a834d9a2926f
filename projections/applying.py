"""From fetched records to rows: decoded and folded ahead, then written with the checkpoint."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from projections.consumer import Fetched
from projections.errors import RefusedError
from projections.gone import Tombstones, alive
from projections.projection import Projection, Source
from projections.rejects import Rejects
from projections.spans import Outcome, Span
from projections.staging import Staged, folded
from projections.storable import unstorable
from projections.store import Store
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder, Reject
from schemas.registry import Registry


class Ready(NamedTuple):
    """A span that needs nothing but PostgreSQL any more.

    Attributes:
        frame: its good events.
        tombstones: keys that are gone, by offset, where the projection asks for them.
        rejects: the others.
        rows: what the fold made of the frame; None where it failed: which events are to blame is
            found out when it is written.
    """

    fetched: Fetched
    frame: pl.DataFrame
    tombstones: Tombstones
    rejects: list[Reject]
    rows: list[Staged] | None


class Applier:
    """Applies what was fetched for one projection."""

    def __init__(
        self, projection: Projection, store: Store, rejects: Rejects, registry: Registry
    ) -> None:
        self._projection = projection
        self._store = store
        self._rejects = rejects
        self._decoders = {
            source.topic.name: FrameDecoder(
                registry, source.topic, source.columns, address=projection.group
            )
            for source in projection.sources
        }

    def ready(self, fetched: Fetched) -> Ready:
        """Decode and fold.

        Raises:
            SchemaRegistryError: the registry cannot be reached.
        """
        topic, chunk = fetched.span.topic, fetched.chunk
        decoder = self._decoders[topic]
        if chunk is None:
            return Ready(fetched, decoder.schema.to_frame(), {}, [], [])
        source = self._projection.source(topic)
        frame, tombstones, rejects = usable(source, decoder, chunk)
        try:
            rows = folded(source, frame)
        except RefusedError:
            rows = None
        return Ready(fetched, frame, tombstones, rejects, rows)

    def apply(self, ready: Ready) -> Outcome:
        """Write the rows and move the checkpoint; what cannot be used becomes dead letters first.

        Raises:
            psycopg.OperationalError: PostgreSQL is away.
            PublishError: the broker did not take a dead letter.
        """
        span, chunk = ready.fetched.span, ready.fetched.chunk
        checkpoint = self._store.checkpoint(span.topic, span.partition)
        outcome = span.against(checkpoint)
        if outcome is not Outcome.APPLIED:
            return outcome
        if chunk is not None:
            new = [one for one in ready.rejects if chunk.offsets[one.row] >= checkpoint]
            self._rejects.send(chunk, new)
        return self._merge(span, ready.frame, ready, ready.rows)

    def _merge(
        self, span: Span, frame: pl.DataFrame, ready: Ready, rows: list[Staged] | None = None
    ) -> Outcome:
        """Apply the frame; where that is refused, halve it down to the events that are to blame."""
        fetched, gone = ready.fetched, ready.tombstones
        source, high = self._projection.source(span.topic), fetched.high
        try:
            return self._store.apply(source, span, frame, gone, high=high, rows=rows)
        except RefusedError as error:
            if frame.is_empty() or fetched.chunk is None:
                raise
            offsets = frame["_offset"]
            if frame.height == 1:
                row = fetched.chunk.offsets.index(offsets.item())
                self._rejects.send(fetched.chunk, [Reject(row, str(error))])
                return self._store.apply(source, span, frame.clear(), gone, high=high)
        middle = offsets[frame.height // 2]
        outcome = Outcome.REPEATED
        for part, events in zip(
            span.split(middle),
            (frame.filter(offsets < middle), frame.filter(offsets >= middle)),
            strict=True,
        ):
            outcome = self._merge(part, events, ready)
            if outcome in (Outcome.AHEAD, Outcome.CONFLICT):
                return outcome
        return outcome


def usable(
    source: Source, decoder: FrameDecoder, chunk: Chunk
) -> tuple[pl.DataFrame, Tombstones, list[Reject]]:
    """The chunk's events that a table can hold, keys that are gone, and records of no use.

    The events are in the order of the log, without those that their key's tombstone follows.
    """
    decoded = decoder.decode(chunk)
    frame, rejects = decoded.frame, decoded.rejects
    bad = unstorable(frame)
    if bad:
        offsets = frame["_offset"]
        places = list(chunk.offsets)
        rejects = [
            *rejects,
            *(Reject(places.index(offsets[row]), reason) for row, reason in bad),
        ]
        rows = pl.Series([row for row, _ in bad], dtype=pl.UInt32)
        frame = frame.filter(~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(rows.implode()))
    tombstones = decoded.tombstones if source.deletes else {}
    return alive(frame, source.topic.key, tombstones), tombstones, rejects
