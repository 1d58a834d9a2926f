"""Whole record batches read at once, as a frame: no record becomes a Python object.

A record of Kafka's format 2 is, byte for byte, an Avro record: its lengths and deltas are zigzag
numbers, its key is Avro's bytes, and the value's five-byte prefix and body are fields like any
other. So an uncompressed batch is a block of an Avro container, with a schema of that form.

What guards it: offsets must be those that the batch's header announces, the records' lengths must
add up to the batch, every prefix must be the writer's, no record may have attributes or headers,
and behind each batch stands a sentinel with a secret salt, which must be found where the batch
ends. A body that is longer or shorter than its schema says moves all that follows, up to the
sentinel. Batches are blocks of their own: what a producer sends can only spoil what it sent with
it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.avro_types import TIMESTAMP, minimal_datum
from schemas.container import block, container_header, read_container
from schemas.errors import UndecodableError
from schemas.record_batches import RecordBatch
from schemas.varint import zigzag
from schemas.wire import PREFIX

_LENGTH = "_record_length"
_ATTRIBUTES = "_record_attributes"
_TIME = "_record_time"
_DELTA = "_record_offset"
_SCHEMA = "_record_schema"
_MAGIC = "_record_magic"
_HEADERS = "_record_headers"
_GUARDS = (_LENGTH, _ATTRIBUTES, _TIME, _DELTA, _SCHEMA, _MAGIC, _HEADERS)

_SALT = secrets.randbits(62)

# The first lengths whose zigzag number takes a byte more.
_VARINT_ENDS = [1 << bits for bits in (6, 13, 20, 27)]


def _field(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "type": kind}


# A null key has the length -1 and no bytes.
_KEYS = {True: _field("_record_key", "bytes"), False: _field("_record_key", "int")}
_MINIMAL_KEYS = {True: zigzag(0), False: zigzag(-1)}


class BatchReader:
    """Reads batches whose records have the same writer schema, and all a key or all none.

    Args:
        record: the writer's record schema.
        prefix: what stands before each body: magic 0 and the schema's id.
        keyed: whether the records have keys.

    Raises:
        NotColumnarError: a sentinel cannot be made for the schema.
    """

    def __init__(self, record: dict[str, Any], prefix: bytes, *, keyed: bool) -> None:
        # The id's four bytes are read as a float, whose bits are compared.
        self._schema_id = np.frombuffer(prefix[1:], dtype="<u4")[0]
        self._header = container_header(
            [
                _field(_LENGTH, "long"),
                _field(_ATTRIBUTES, "int"),
                _field(_TIME, "long"),
                _field(_DELTA, "long"),
                _KEYS[keyed],
                _field("_record_value", "long"),
                _field(_MAGIC, "int"),
                _field(_SCHEMA, "float"),
                *record["fields"],
                _field(_HEADERS, "int"),
            ]
        )
        self._sentinel = b"".join(
            (
                zigzag(0),
                zigzag(0),
                zigzag(_SALT),
                zigzag(0),
                _MINIMAL_KEYS[keyed],
                zigzag(0),
                prefix[:PREFIX],
                minimal_datum(record),
                zigzag(0),
            )
        )

    def read(self, batches: Sequence[RecordBatch], columns: Sequence[str]) -> pl.DataFrame:
        """Decode all batches, or none.

        Args:
            batches: at least one, in the order of the log, none without records.
            columns: fields to decode.

        Returns:
            One row per record, in order: the columns, `_offset` Int64 and `_timestamp`
            Datetime(us, UTC). Enums come as Categorical.

        Raises:
            UndecodableError: at least one record cannot be read like this.
        """
        blocks = (block(batch.count + 1, batch.records + self._sentinel) for batch in batches)
        frame = read_container([self._header, *chain.from_iterable(blocks)], [*_GUARDS, *columns])
        counts = np.array([batch.count for batch in batches])
        sentinels = np.cumsum(counts + 1) - 1
        if frame.height != sentinels[-1] + 1:
            raise UndecodableError("the batches hold more or fewer records than they say")
        times, deltas = frame[_TIME].to_numpy(), frame[_DELTA].to_numpy()
        if not (times[sentinels] == _SALT).all():
            raise UndecodableError("a record is longer or shorter than its schema says")
        records = np.ones(frame.height, dtype=np.bool_)
        records[sentinels] = False
        self._check(frame)
        _check_lengths(batches, frame[_LENGTH].to_numpy(), sentinels)
        offsets = np.repeat([batch.base_offset for batch in batches], counts) + deltas[records]
        _check_offsets(batches, counts, offsets)
        received = _microseconds(batches, counts, times[records])
        events = frame.select(columns).filter(pl.Series(records)) if columns else pl.DataFrame()
        return events.with_columns(
            pl.Series("_offset", offsets), pl.Series("_timestamp", received).cast(TIMESTAMP)
        )

    def _check(self, frame: pl.DataFrame) -> None:
        schemas = frame[_SCHEMA].to_numpy().view(np.uint32)
        if not (schemas == self._schema_id).all() or (frame[_MAGIC] != 0).any():
            raise UndecodableError("a record has another prefix")
        if (frame[_ATTRIBUTES] != 0).any() or (frame[_HEADERS] != 0).any():
            raise UndecodableError("a record has attributes or headers")


def _check_lengths(
    batches: Sequence[RecordBatch], lengths: npt.NDArray[np.int64], sentinels: npt.NDArray[np.int64]
) -> None:
    """The lengths that records tell of themselves add up to their batch. Sentinels tell 0."""
    whole = lengths + 1 + np.searchsorted(_VARINT_ENDS, lengths, side="right")
    starts = np.concatenate(([0], sentinels[:-1] + 1))
    expected = [len(batch.records) + 1 for batch in batches]  # a sentinel's length takes a byte
    if (lengths < 0).any() or not (np.add.reduceat(whole, starts) == expected).all():
        raise UndecodableError("records are longer or shorter than their batch")


def _check_offsets(
    batches: Sequence[RecordBatch],
    counts: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
) -> None:
    """Offsets rise, each within its batch; where none is missing they are known."""
    first = np.repeat([batch.base_offset for batch in batches], counts)
    behind = np.repeat([batch.next_offset for batch in batches], counts)
    if not (np.diff(offsets) > 0).all() or (offsets < first).any() or (offsets >= behind).any():
        raise UndecodableError("offsets are not those of the batch")


def _microseconds(
    batches: Sequence[RecordBatch], counts: npt.NDArray[np.int64], deltas: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """When the log received each record."""
    appended = [batch.timestamp for batch in batches]
    base = [
        batch.base_timestamp if time is None else time
        for batch, time in zip(batches, appended, strict=True)
    ]
    own = np.repeat([time is None for time in appended], counts)
    times: npt.NDArray[np.int64] = np.repeat(base, counts) + np.where(own, deltas, 0)
    return times * 1000
