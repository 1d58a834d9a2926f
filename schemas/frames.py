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

_PLACE = "_place"  # row of the chunk

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
        frames: list[pl.DataFrame] = []
        for ref, (rows, bodies) in self._by_writer(chunk, rejects).items():
            try:
                reader = self._reader(ref)
            except SchemaError as error:
                rejects += [Reject(row, str(error)) for row in rows]
                continue
            good, events, bad = reader.read(rows, bodies)
            rejects += bad
            frames.append(self._placed(events, good, chunk))
        frame = _one(frames, self.schema)
        broken = dict(violations(self._topic, frame))
        if broken:
            rows_of = frame[_PLACE]
            rejects += [Reject(rows_of[at], reason) for at, reason in broken.items()]
            bad_rows = pl.Series(list(broken), dtype=pl.UInt32)
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
            try:
                reader = _Reader(writer, self._topic, self._fields)
            except (KeyError, TypeError) as error:
                raise UndecodableError(f"schema {ref} is no Avro schema: {error!r}") from None
            self._readers[ref] = reader
        return reader

    def _placed(self, frame: pl.DataFrame, rows: Sequence[int], chunk: Chunk) -> pl.DataFrame:
        """With coordinates and the place in the chunk."""
        offsets = pl.Series("_offset", chunk.offsets, dtype=pl.Int64)
        times = pl.Series("_timestamp", chunk.timestamps, dtype=pl.Int64) * 1000
        places = pl.Series(_PLACE, rows, dtype=pl.Int64)
        if len(rows) != len(chunk):
            offsets, times = offsets.gather(places), times.gather(places)
        partition = pl.lit(chunk.partition, dtype=pl.Int32).alias("_partition")
        return frame.with_columns(partition, offsets, times.cast(TIMESTAMP), places)


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
        self._container: ContainerReader | None = None
        if topic.columnar and isinstance(writer, dict) and writer.get("type") == "record":
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
        if self._container is None:
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
                frame = self._at_once(self._container, content)
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

    def _at_once(self, container: ContainerReader, bodies: list[bytes]) -> pl.DataFrame:
        columns = list(dict.fromkeys(self._columns.values()))
        return resolve(container.read(bodies, columns), self._fields, self._columns)

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
        for field in record["fields"]:
            merged.setdefault(field["name"], field)
    if columns is None:
        return list(merged.values())
    return [merged[name] for name in columns]


def _one(frames: list[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    """The frames as one, in the order of the log."""
    if len(frames) == 1:
        return frames[0]
    if frames:
        return pl.concat(frames).sort(_PLACE)
    return pl.DataFrame(schema={**schema, _PLACE: pl.Int64()})
