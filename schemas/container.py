"""Many Avro bodies of one schema read at once, as a frame.

Polars reads Avro object containers much faster than anything reads single records, so bodies are
joined behind a container header. Joined alone, a damaged body can change its length, swallow part
of its neighbour, and still read. Therefore each body is framed: before it stands a marker, one
extra first field of the schema, holding a secret salt and the row number; after the last one
stands a sentinel. A join that reads with every marker in its place has read every body as it was.
"""

from __future__ import annotations

import io
import json
import secrets
import threading
from collections.abc import Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

import polars as pl
from polars.exceptions import PanicException

from schemas.avro_types import minimal_datum
from schemas.errors import UndecodableError
from schemas.varint import zigzag

_MARKER = "_frame"
_ROW_BITS = 24
_SALT = secrets.randbits(62 - _ROW_BITS) << _ROW_BITS
MAX_ROWS = (1 << _ROW_BITS) - 1  # the sentinel needs a row number too

_SYNC = secrets.token_bytes(16)


class _Markers:
    """Encoded markers of rows 0, 1, 2, ...; made once, as many as the longest chunk needs."""

    def __init__(self) -> None:
        self._encoded: list[bytes] = []
        self._lock = threading.Lock()

    def encoded(self, count: int) -> list[bytes]:
        if len(self._encoded) < count:
            with self._lock:
                for row in range(len(self._encoded), count):
                    self._encoded.append(zigzag(_SALT | row))
        return self._encoded[:count]


_markers = _Markers()


class ContainerReader:
    """Reads bodies of one record schema.

    Raises:
        NotColumnarError: at construction, when a sentinel cannot be made for the schema.
    """

    def __init__(self, record: dict[str, Any]) -> None:
        self._record = record
        self._sentinel = minimal_datum(record)

    @cached_property
    def _header(self) -> bytes:
        marker = {"name": _MARKER, "type": "long"}
        bare = _without_defaults(self._record)
        schema = json.dumps({**bare, "fields": [marker, *bare["fields"]]}).encode()
        metadata = b"".join(
            zigzag(len(part)) + part for part in (b"avro.codec", b"null", b"avro.schema", schema)
        )
        return b"Obj\x01" + zigzag(2) + metadata + zigzag(0) + _SYNC

    def read(self, bodies: Sequence[bytes], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Decode all bodies, or none.

        Args:
            bodies: Avro bodies without any prefix.
            columns: fields to decode; None is all of them.

        Returns:
            One row per body, in order. Enums come as Categorical.

        Raises:
            UndecodableError: at least one body is bad; which one is not known.
        """
        rows = len(bodies)
        if rows > MAX_ROWS:
            raise ValueError(f"{rows} bodies at once; at most {MAX_ROWS}")
        parts: list[bytes] = list(repeat(b"", 2 * rows + 2))
        parts[0::2] = _markers.encoded(rows + 1)
        parts[1 : 2 * rows : 2] = bodies
        parts[-1] = self._sentinel
        block = b"".join(parts)
        container = b"".join((self._header, zigzag(rows + 1), zigzag(len(block)), block, _SYNC))
        wanted = None if columns is None else [_MARKER, *columns]
        try:
            frame = pl.read_avro(io.BytesIO(container), columns=wanted)
        except (Exception, PanicException) as error:
            # Polars panics on an enum index or a length out of range.
            raise UndecodableError(str(error)) from None
        expected = pl.int_range(_SALT, _SALT + rows + 1, eager=True)
        if frame.height != rows + 1 or not (frame[_MARKER] == expected).all():
            raise UndecodableError("a body is longer or shorter than its schema says")
        return frame.head(rows).drop(_MARKER)


def _without_defaults(avro: Any) -> Any:
    """The same type. A writer's defaults mean nothing, and Polars refuses some: numbers."""
    if isinstance(avro, dict):
        return {k: _without_defaults(v) for k, v in avro.items() if k != "default"}
    if isinstance(avro, list):
        return [_without_defaults(branch) for branch in avro]
    return avro
