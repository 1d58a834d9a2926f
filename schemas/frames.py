"""Chunks as frames: columnar decoding, with what will not decode told apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple, cast
from uuid import UUID

import numpy as np
import polars as pl

from schemas.avro_types import TIMESTAMP, NotColumnarError, dtype_of, frame_schema
from schemas.batch_reader import BatchReader
from schemas.bodies import BodyReader
from schemas.chunks import Chunk
from schemas.errors import SchemaError, UndecodableError
from schemas.record_batches import RecordBatch
from schemas.redrive import OF_HEADER, copy_of
from schemas.registry import Registry
from schemas.resolution import resolve, writer_columns
from schemas.rows import RowReader
from schemas.rules import violations
from schemas.topic import Topic
from schemas.wire import HEADER, PREFIX, writer_of

# Polars knows NumPy's types from their first use on, and two threads that use them first at once
# meet half of them: threads decode, fold and restore, so it is done here.
pl.Series(np.empty(0))

COORDINATES = pl.Schema({"_partition": pl.Int32(), "_offset": pl.Int64(), "_timestamp": TIMESTAMP})


@dataclass(frozen=True, slots=True)
class Reject:
    """A record of a chunk that could not be used.

    Attributes:
        row: its place in the chunk.
        reason: why, for a person.
    """

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded chunk.

    Attributes:
        frame: the good events in the order of the log: their fields, then `_partition` Int32,
            `_offset` Int64, `_timestamp` Datetime(us, UTC). A life story has `_type` String
            first, then the fields of all its records, null where a record has no such field.
        rejects: the bad records.
        tombstones: records without a value, a compacted topic's way to say that a key is gone: the
            key by offset. They are in neither.
        copies: copies among the events: the offset of each, and the record that it repeats.
        others: copies that are for other components; they are in neither.
    """

    frame: pl.DataFrame
    rejects: list[Reject]
    tombstones: Mapping[int, str] = field(default_factory=dict)
    copies: Mapping[int, str] = field(default_factory=dict)
    others: int = 0


@dataclass(slots=True)
class _Apart:
    """What is found beside the events where records are looked at one by one."""

    rejects: list[Reject] = field(default_factory=list)
    tombstones: dict[int, str] = field(default_factory=dict)
    copies: dict[int, str] = field(default_factory=dict)
    others: int = 0

    def add(self, part: _Apart, before: int) -> None:
        """What was found in a part of the chunk that has so many records before it."""
        self.rejects += [Reject(before + reject.row, reject.reason) for reject in part.rejects]
        self.tombstones |= part.tombstones
        self.copies |= part.copies
        self.others += part.others


class FrameDecoder:
    """Decodes chunks of one topic with any number of writer schemas.

    Args:
        columns: fields wanted, None is all. Fewer are faster.
        address: of the component that it decodes for (`schemas.redrive`). Copies that are for
            others are passed over; None reads them all. Of a compacted topic they are always read:
            there a copy takes the place of its record.

    Attributes:
        address: may be set as long as nothing was decoded.
    """

    def __init__(
        self,
        registry: Registry,
        topic: Topic,
        columns: Sequence[str] | None = None,
        *,
        address: str | None = None,
    ) -> None:
        self.address = address
        self._registry = registry
        self._topic = topic
        self.key = topic.key
        self._fields = _fields(topic, columns)
        self.schema = pl.Schema(
            {
                **({} if topic.columnar else {"_type": pl.String()}),
                **{field["name"]: dtype_of(field["type"]) for field in self._fields},
                **COORDINATES,
            }
        )
        self._readers: dict[int | UUID, _Reader] = {}

    def decode(self, chunk: Chunk) -> Decoded:
        """Decode every record that can be; say why of the others.

        Raises:
            SchemaRegistryError: the registry cannot be reached (no fault of the records).
        """
        apart = _Apart()
        rejects = apart.rejects
        whole = chunk.batches and self._topic.columnar
        frames = (self._batches if whole else self._records)(chunk, apart)
        frame = _one(frames, self.schema)
        broken = dict(violations(self._topic.rules, frame))
        if broken:
            places = np.searchsorted(chunk.offsets, frame["_offset"].gather(list(broken)))
            reasons = broken.values()
            rejects += [Reject(int(row), why) for row, why in zip(places, reasons, strict=True)]
            bad_rows = pl.Series(list(broken), dtype=pl.UInt32)
            frame = frame.filter(~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(bad_rows.implode()))
        rejects.sort(key=lambda reject: reject.row)
        frame = frame.select(self.schema.names())
        return Decoded(frame, rejects, apart.tombstones, apart.copies, apart.others)

    def _batches(self, chunk: Chunk, apart: _Apart) -> list[pl.DataFrame]:
        """Frames of whole batches, and of the records of those that cannot be read whole."""
        frames: list[pl.DataFrame] = []
        broken: list[RecordBatch] = []
        for shape, batches in _by_shape(chunk).items():
            good, bad = self._whole(shape, batches)
            broken += bad
            frames += [self._at(frame, chunk) for frame in good]
        for batch in broken:
            part = chunk.of([batch])
            found = _Apart()
            frames += self._records(part, found)
            # Where it is in the chunk is asked only for rejects: it takes the chunk apart.
            rejected = bool(found.rejects)
            before = int(np.searchsorted(chunk.offsets, part.offsets[0])) if rejected else 0
            apart.add(found, before)
        return frames

    def _whole(
        self, shape: _Shape | None, batches: list[RecordBatch]
    ) -> tuple[list[pl.DataFrame], list[RecordBatch]]:
        """Frames of the batches that can be read whole, and the other batches."""
        if shape is None:
            return [], batches
        try:
            reader = self._reader(writer_of(shape.prefix).schema)
        except SchemaError:
            return [], batches
        return reader.read_batches(shape, batches)

    def _records(self, chunk: Chunk, apart: _Apart) -> list[pl.DataFrame]:
        """Frames of the records of a chunk, one for each writer."""
        frames: list[pl.DataFrame] = []
        for ref, (rows, bodies) in self._by_writer(chunk, apart).items():
            try:
                reader = self._reader(ref)
            except SchemaError as error:
                apart.rejects += [Reject(row, str(error)) for row in rows]
                continue
            good, events, bad = reader.read(rows, bodies)
            apart.rejects += bad
            frames.append(self._placed(events, good, chunk))
        return frames

    def _by_writer(
        self, chunk: Chunk, apart: _Apart
    ) -> dict[int | UUID, tuple[Sequence[int], list[bytes]]]:
        """Rows and bodies per writer schema."""
        values = chunk.values
        named = set(map(itemgetter(0), chain.from_iterable(chunk.headers)))
        copied = OF_HEADER in named
        if HEADER not in named and not copied and None not in values:
            # The common case without a Python loop: one five-byte prefix for all.
            present = cast("Sequence[bytes]", values)
            heads = set(map(itemgetter(slice(PREFIX)), present))
            if len(heads) == 1 and len(head := heads.pop()) == PREFIX and head[0] == 0:
                bodies = list(map(itemgetter(slice(PREFIX, None)), present))
                return {writer_of(head).schema: (range(len(values)), bodies)}
        groups: defaultdict[int | UUID, tuple[list[int], list[bytes]]] = defaultdict(
            lambda: ([], [])
        )
        for row, (value, headers) in enumerate(zip(values, chunk.headers, strict=True)):
            if value is None:
                key = chunk.keys[row]
                if key is not None:
                    apart.tombstones[chunk.offsets[row]] = key.decode(errors="replace")
                continue
            if copied and not self._is_meant(chunk, row, apart):
                continue
            try:
                ref, start = writer_of(value, headers)
            except UndecodableError as error:
                apart.rejects.append(Reject(row, str(error)))
                continue
            rows, bodies = groups[ref]
            rows.append(row)
            bodies.append(value[start:])
        return dict(groups)

    def _is_meant(self, chunk: Chunk, row: int, apart: _Apart) -> bool:
        """Whether a record is to be read; notes it where it is a copy."""
        copy = copy_of(chunk.headers[row])
        if copy is None:
            return True
        if self.address is not None and not self._topic.compacted and not copy.is_for(self.address):
            apart.others += 1
            return False
        apart.copies[chunk.offsets[row]] = copy.of
        return True

    def _reader(self, ref: int | UUID) -> _Reader:
        reader = self._readers.get(ref)
        if reader is None:
            writer = self._registry.writer_schema(ref)
            try:
                reader = _Reader(writer, self._topic, self._fields)
            except (KeyError, TypeError) as error:
                raise UndecodableError(f"schema {ref} is no Avro schema: {error!r}") from None
            self._readers[ref] = reader
        return reader

    def _placed(self, frame: pl.DataFrame, rows: Sequence[int], chunk: Chunk) -> pl.DataFrame:
        """With coordinates."""
        offsets = pl.Series("_offset", chunk.offsets, dtype=pl.Int64)
        times = pl.Series("_timestamp", chunk.timestamps, dtype=pl.Int64) * 1000
        if len(rows) != len(chunk):
            places = pl.Series(rows, dtype=pl.Int64)
            offsets, times = offsets.gather(places), times.gather(places)
        return self._at(frame.with_columns(offsets, times.cast(TIMESTAMP)), chunk)

    def _at(self, frame: pl.DataFrame, chunk: Chunk) -> pl.DataFrame:
        """With the partition, and columns in order."""
        partition = pl.lit(chunk.partition, dtype=pl.Int32).alias("_partition")
        return frame.with_columns(partition).select(self.schema.names())


class _Shape(NamedTuple):
    """What batches must have in common to be read at once."""

    prefix: bytes
    keyed: bool


def _by_shape(chunk: Chunk) -> dict[_Shape | None, list[RecordBatch]]:
    """Batches by shape, as their first records have it; None of those to be taken apart."""
    found: defaultdict[_Shape | None, list[RecordBatch]] = defaultdict(list)
    cut = {0} if chunk.begins_inside else set()
    if chunk.ends_inside:
        cut.add(len(chunk.batches) - 1)
    for at, batch in enumerate(chunk.batches):
        if not batch.count:
            continue
        shape = None
        if at not in cut:
            key, value, headers = batch.head(PREFIX)
            if value is not None and len(value) == PREFIX and value[0] == 0 and not headers:
                shape = _Shape(value, key is not None)
        found[shape].append(batch)
    return found


class _Reader:
    """Reads bodies of one writer schema: all at once where possible, else one by one.

    Raises:
        UndecodableError: at construction, when the writer's schema cannot be resolved.
    """

    def __init__(self, writer: Any, topic: Topic, fields: list[dict[str, Any]]) -> None:
        self._rows = RowReader(writer, topic.schema)
        self._fields = fields
        self._schema = pl.Schema({f["name"]: dtype_of(f["type"]) for f in fields})
        if not topic.columnar:
            self._schema = pl.Schema({"_type": pl.String(), **self._schema})
        self._columns: dict[str, str] = {}
        self._wanted: list[str] = []
        self._writer = writer
        self._bodies: BodyReader | None = None
        self._batches: dict[_Shape, BatchReader] = {}
        if topic.columnar and isinstance(writer, dict) and writer.get("type") == "record":
            self._columns = writer_columns(writer, fields)
            self._wanted = list(dict.fromkeys(self._columns.values()))
            try:
                frame_schema(writer)
                self._bodies = BodyReader(writer)
            except NotColumnarError:
                self._bodies = None

    def read(
        self, rows: Sequence[int], bodies: list[bytes]
    ) -> tuple[Sequence[int], pl.DataFrame, list[Reject]]:
        """Rows that decoded, their events, and the rejects."""
        if self._bodies is None:
            return self._one_by_one(rows, bodies)
        frames: list[pl.DataFrame] = []
        good: list[int] = []
        rejects: list[Reject] = []
        # By halves down to the bad ones. A body is judged by the same reader in any company, so
        # whether it counts does not depend on its neighbours.
        halves = [(rows, bodies)]
        while halves:
            part, content = halves.pop()
            try:
                frame = self._resolved(self._bodies.read(content, self._wanted))
            except UndecodableError as error:
                if len(part) == 1:
                    rejects.append(Reject(part[0], self._reason(content[0], error)))
                elif part:
                    half = len(part) // 2
                    halves.append((part[half:], content[half:]))
                    halves.append((part[:half], content[:half]))
                continue
            if len(part) == len(rows):
                return rows, frame, []
            good += part
            frames.append(frame)
        return good, pl.concat(frames) if frames else pl.DataFrame(schema=self._schema), rejects

    def _one_by_one(
        self, rows: Sequence[int], bodies: list[bytes]
    ) -> tuple[Sequence[int], pl.DataFrame, list[Reject]]:
        good: list[int] = []
        records: list[dict[str, Any]] = []
        rejects: list[Reject] = []
        for row, body in zip(rows, bodies, strict=True):
            try:
                records.append(self._rows.read(body))
                good.append(row)
            except UndecodableError as error:
                rejects.append(Reject(row, str(error)))
        return good, pl.from_dicts(records, schema=self._schema), rejects

    def read_batches(
        self, shape: _Shape, batches: list[RecordBatch]
    ) -> tuple[list[pl.DataFrame], list[RecordBatch]]:
        """Frames of the batches that can be read whole, and the other batches."""
        if self._bodies is None:
            return [], batches
        reader = self._batches.get(shape)
        if reader is None:
            reader = BatchReader(self._writer, shape.prefix, keyed=shape.keyed)
            self._batches[shape] = reader
        frames: list[pl.DataFrame] = []
        bad: list[RecordBatch] = []
        halves = [batches]
        while halves:
            part = halves.pop()
            try:
                frames.append(self._resolved(reader.read(part, self._wanted), COORDINATES))
            except UndecodableError:
                if len(part) == 1:
                    bad += part
                else:
                    half = len(part) // 2
                    halves += [part[half:], part[:half]]
        return frames, bad

    def _resolved(self, frame: pl.DataFrame, besides: Collection[str] = ()) -> pl.DataFrame:
        """As the reader's schema has it, and the columns besides."""
        events = resolve(frame, self._fields, self._columns)
        kept = [name for name in besides if name in frame.columns]
        return events.with_columns(frame.select(kept)) if kept else events

    def _reason(self, body: bytes, error: UndecodableError) -> str:
        """In the words of the reader that says more."""
        try:
            self._rows.read(body)
        except UndecodableError as other:
            return str(other)
        return str(error)


def _fields(topic: Topic, columns: Sequence[str] | None) -> list[dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for record in topic.records:
        for one in record["fields"]:
            merged.setdefault(one["name"], one)
    if columns is None:
        return list(merged.values())
    return [merged[name] for name in columns]


def _one(frames: list[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    """The frames as one, in the order of the log."""
    if len(frames) == 1:
        return frames[0]
    if frames:
        return pl.concat(frames).sort("_offset")
    return pl.DataFrame(schema=schema)
