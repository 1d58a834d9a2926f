"""Chunks as frames: columnar decoding, with what will not decode told apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, cast
from uuid import UUID

import polars as pl

from schemas.avro_types import TIMESTAMP, NotColumnarError, dtype_of, frame_schema
from schemas.catalogue import Topic
from schemas.chunks import Chunk
from schemas.container import ContainerReader
from schemas.errors import SchemaError, UndecodableError
from schemas.registry import Registry
from schemas.resolution import resolve, writer_columns
from schemas.rows import RowReader
from schemas.validity import violations
from schemas.wire import HEADER, PREFIX, writer_of

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
        rejects: the bad records. Tombstones (null values) are in neither.
    """

    frame: pl.DataFrame
    rejects: list[Reject]


class FrameDecoder:
    """Decodes chunks of one topic with any number of writer schemas.

    Args:
        columns: fields wanted, None is all. Fewer are faster.
    """

    def __init__(
        self, registry: Registry, topic: Topic, columns: Sequence[str] | None = None
    ) -> None:
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
        rejects: list[Reject] = []
        groups = self._by_writer(chunk, rejects)
        frames: list[pl.DataFrame] = []
        for ref, (rows, bodies) in groups.items():
            try:
                reader = self._reader(ref)
            except SchemaError as error:
                rejects += [Reject(row, str(error)) for row in rows]
                continue
            good, events, bad = reader.read(rows, bodies)
            rejects += bad
            frames.append(events.with_columns(pl.Series("_row", good, dtype=pl.Int64)))
        frame = _one(frames, self.schema)
        if len(frames) > 1:
            frame = frame.sort("_row")
        frame = self._with_coordinates(frame, chunk)
        broken = list(violations(self._topic, frame))
        if broken:
            row_of = frame["_row"]
            rejects += [Reject(row_of[at], reason) for at, reason in broken]
            bad_rows = pl.Series([at for at, _ in broken], dtype=pl.UInt32)
            keep = ~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(bad_rows.implode())
            frame = frame.filter(keep)
        rejects.sort(key=lambda reject: reject.row)
        return Decoded(frame.select(self.schema.names()), rejects)

    def _by_writer(
        self, chunk: Chunk, rejects: list[Reject]
    ) -> dict[int | UUID, tuple[Sequence[int], list[bytes]]]:
        """Rows and bodies per writer schema."""
        values = chunk.values
        named = set(map(itemgetter(0), chain.from_iterable(chunk.headers)))
        if HEADER not in named and None not in values:
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
                continue
            try:
                ref, start = writer_of(value, headers)
            except UndecodableError as error:
                rejects.append(Reject(row, str(error)))
                continue
            rows, bodies = groups[ref]
            rows.append(row)
            bodies.append(value[start:])
        return dict(groups)

    def _reader(self, ref: int | UUID) -> _Reader:
        reader = self._readers.get(ref)
        if reader is None:
            writer = self._registry.writer_schema(ref)
            reader = _Reader(writer, self._topic, self._fields)
            self._readers[ref] = reader
        return reader

    def _with_coordinates(self, frame: pl.DataFrame, chunk: Chunk) -> pl.DataFrame:
        offsets = pl.Series("_offset", chunk.offsets, dtype=pl.Int64)
        times = pl.Series("_timestamp", chunk.timestamps, dtype=pl.Int64) * 1000
        if frame.height != len(chunk):
            offsets, times = offsets.gather(frame["_row"]), times.gather(frame["_row"])
        return frame.with_columns(
            pl.lit(chunk.partition, dtype=pl.Int32).alias("_partition"),
            offsets,
            times.cast(TIMESTAMP),
        )


class _Reader:
    """Reads bodies of one writer schema: all at once where possible, else one by one."""

    def __init__(self, writer: Any, topic: Topic, fields: list[dict[str, Any]]) -> None:
        self._rows = RowReader(writer, topic.schema)
        self._fields = fields
        self._schema = pl.Schema({f["name"]: dtype_of(f["type"]) for f in fields})
        if not topic.columnar:
            self._schema = pl.Schema({"_type": pl.String(), **self._schema})
        self._columns: dict[str, str] = {}
        self._container: ContainerReader | None = None
        if topic.columnar and isinstance(writer, dict):
            self._columns = writer_columns(writer, fields)
            try:
                frame_schema(writer)
                self._container = ContainerReader(writer)
            except NotColumnarError:
                self._container = None

    def read(
        self, rows: Sequence[int], bodies: list[bytes]
    ) -> tuple[Sequence[int], pl.DataFrame, list[Reject]]:
        """Rows that decoded, their events, and the rejects."""
        try:
            return rows, self._at_once(bodies), []
        except UndecodableError:
            pass
        # Off the fast path: each body alone says whether it is good.
        good_rows: list[int] = []
        good_bodies: list[bytes] = []
        records: list[dict[str, Any]] = []
        rejects: list[Reject] = []
        for row, body in zip(rows, bodies, strict=True):
            try:
                records.append(self._rows.read(body))
            except UndecodableError as error:
                rejects.append(Reject(row, str(error)))
                continue
            good_rows.append(row)
            good_bodies.append(body)
        try:
            return good_rows, self._at_once(good_bodies), rejects
        except UndecodableError:
            return good_rows, pl.from_dicts(records, schema=self._schema), rejects

    def _at_once(self, bodies: list[bytes]) -> pl.DataFrame:
        if self._container is None:
            raise UndecodableError("this schema is read one record at a time")
        columns = list(dict.fromkeys(self._columns.values()))
        return resolve(self._container.read(bodies, columns), self._fields, self._columns)


def _fields(topic: Topic, columns: Sequence[str] | None) -> list[dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for record in topic.records:
        for field in record["fields"]:
            merged.setdefault(field["name"], field)
    if columns is None:
        return list(merged.values())
    return [merged[name] for name in columns]


def _one(frames: list[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    if len(frames) == 1:
        return frames[0]
    if frames:
        return pl.concat(frames)
    events = {name: dtype for name, dtype in schema.items() if name not in COORDINATES}
    return pl.DataFrame(schema={**events, "_row": pl.Int64()})
