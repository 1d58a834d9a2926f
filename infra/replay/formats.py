"""Lazy frames into one file, however many rows they have: parquet, CSV or NDJSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import polars as pl

_TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"

# Files of events get no smaller at Polars' own level of 3, and take a third more of processor time.
_ZSTD = 1

_WRAPPING = len('{"v":}')


def sink_for(path: Path) -> Callable[[pl.LazyFrame, Path], None] | None:
    """What writes files with a name like that; None if nothing does.

    It writes while the frame is read. The file has the columns even when there are no rows.
    """
    return next((sink for end, sink in SINKS.items() if path.name.endswith(end)), None)


def _parquet(frame: pl.LazyFrame, path: Path) -> None:
    frame.sink_parquet(path, compression="zstd", compression_level=_ZSTD)


def _ndjson(frame: pl.LazyFrame, path: Path, *, packed: bool = False) -> None:
    """One JSON object a line."""
    _texts(frame).sink_ndjson(
        path, compression="gzip" if packed else "uncompressed", check_extension=False
    )


def _csv(frame: pl.LazyFrame, path: Path, *, packed: bool = False) -> None:
    """A header and one line a row; what is nested is JSON in its cell."""
    nested = [name for name, dtype in frame.collect_schema().items() if dtype.is_nested()]
    _texts(frame).with_columns(map(_as_json, nested)).sink_csv(
        path, compression="gzip" if packed else "uncompressed", check_extension=False
    )


def _texts(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Times are RFC 3339 with microseconds, bytes are Base64."""
    schema = frame.collect_schema()
    times = [name for name, dtype in schema.items() if dtype.is_temporal()]
    return frame.with_columns(
        pl.col(times).dt.strftime(_TIME), pl.col(pl.Binary).bin.encode("base64")
    )


def _as_json(name: str) -> pl.Expr:
    """A nested column as JSON text: its struct's, without what is around it."""
    whole = pl.struct(pl.col(name).alias("v")).struct.json_encode()
    return whole.str.slice(_WRAPPING - 1, whole.str.len_chars() - _WRAPPING).alias(name)


SINKS: Mapping[str, Callable[[pl.LazyFrame, Path], None]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".csv.gz": partial(_csv, packed=True),
    ".ndjson": _ndjson,
    ".ndjson.gz": partial(_ndjson, packed=True),
}
