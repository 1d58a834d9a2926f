"""Many Avro bodies of one schema read at once, as a frame.

Before each body stands a marker, one extra first field of the schema, holding a secret salt and
the row number; after the last one stands a sentinel. A join that reads with every marker in its
place has read every body as it was.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

import polars as pl

from schemas.avro_types import minimal_datum
from schemas.container import block, container_header, read_container
from schemas.errors import UndecodableError
from schemas.varint import zigzag

_MARKER = "_frame"
_ROW_BITS = 24
_SALT = secrets.randbits(62 - _ROW_BITS) << _ROW_BITS
MAX_ROWS = (1 << _ROW_BITS) - 1  # the sentinel needs a row number too


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


class BodyReader:
    """Reads bodies of one record schema.

    Raises:
        NotColumnarError: at construction, when a sentinel cannot be made for the schema.
    """

    def __init__(self, record: dict[str, Any]) -> None:
        self._fields = record["fields"]
        self._sentinel = minimal_datum(record)

    @cached_property
    def _header(self) -> bytes:
        return container_header([{"name": _MARKER, "type": "long"}, *self._fields])

    def read(self, bodies: Sequence[bytes], columns: Sequence[str]) -> pl.DataFrame:
        """Decode all bodies, or none.

        Args:
            bodies: Avro bodies without any prefix.
            columns: fields to decode.

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
        records = b"".join(parts)
        frame = read_container([self._header, *block(rows + 1, records)], [_MARKER, *columns])
        expected = pl.int_range(_SALT, _SALT + rows + 1, eager=True)
        if frame.height != rows + 1 or not (frame[_MARKER] == expected).all():
            raise UndecodableError("a body is longer or shorter than its schema says")
        return frame.head(rows).drop(_MARKER)
