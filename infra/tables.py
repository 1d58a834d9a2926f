"""Frames into one file, however many come: parquet, CSV or NDJSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import polars as pl

PART_ROWS = 500_000  # rows of one part of a parquet file; what is held in memory

_TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"


class TableWriter(ABC):
    """Writes frames of one schema into a file of a directory.

    Args:
        directory: an empty one; the caller moves the file away and removes the rest.
        schema: of every frame.
    """

    def __init__(self, directory: Path, schema: pl.Schema) -> None:
        self._directory = directory
        self._schema = schema

    @abstractmethod
    def write(self, frame: pl.DataFrame) -> None:
        """Add rows."""

    @abstractmethod
    def close(self) -> Path:
        """Finish; the file, which has the schema even when it has no rows."""


class ParquetWriter(TableWriter):
    """Parts of bounded size, joined at the end as a stream."""

    def __init__(self, directory: Path, schema: pl.Schema) -> None:
        super().__init__(directory, schema)
        self._parts: list[Path] = []
        self._frames: list[pl.DataFrame] = []
        self._rows = 0

    def write(self, frame: pl.DataFrame) -> None:
        """Keep rows until there are enough for a part."""
        self._frames.append(frame)
        self._rows += frame.height
        if self._rows >= PART_ROWS:
            self._write_part()

    def close(self) -> Path:
        """Join the parts."""
        if self._frames or not self._parts:
            self._write_part()
        if len(self._parts) == 1:
            return self._parts[0]
        whole = self._directory / "whole.parquet"
        pl.scan_parquet(self._parts).sink_parquet(whole)
        return whole

    def _write_part(self) -> None:
        path = self._directory / f"part-{len(self._parts):05}.parquet"
        pl.concat([self._schema.to_frame(), *self._frames]).write_parquet(path)
        self._parts.append(path)
        self._frames, self._rows = [], 0


class TextWriter(TableWriter):
    """Lines, written as they come; times are RFC 3339 with microseconds, bytes are Base64."""

    suffix: str

    def __init__(self, directory: Path, schema: pl.Schema) -> None:
        super().__init__(directory, schema)
        self._path = directory / f"whole{self.suffix}"
        self._file = self._path.open("wb")

    def close(self) -> Path:
        """Close the file."""
        self._file.close()
        return self._path

    def _texts(self, frame: pl.DataFrame) -> pl.DataFrame:
        times = [name for name, dtype in frame.schema.items() if dtype.is_temporal()]
        return frame.with_columns(
            pl.col(times).dt.strftime(_TIME), pl.col(pl.Binary).bin.encode("base64")
        )


class NdjsonWriter(TextWriter):
    """One JSON object a line."""

    suffix = ".ndjson"

    def write(self, frame: pl.DataFrame) -> None:
        """Append lines."""
        self._texts(frame).write_ndjson(self._file)


class CsvWriter(TextWriter):
    """A header and one line a row; what is nested is JSON in its cell."""

    suffix = ".csv"

    def __init__(self, directory: Path, schema: pl.Schema) -> None:
        super().__init__(directory, schema)
        pl.DataFrame(schema=dict.fromkeys(schema, pl.String)).write_csv(self._file)

    def write(self, frame: pl.DataFrame) -> None:
        """Append lines."""
        nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
        texts = self._texts(frame).with_columns(_as_json(frame[name]) for name in nested)
        texts.write_csv(self._file, include_header=False)


def _as_json(series: pl.Series) -> pl.Series:
    """A nested column as JSON text."""
    wrapped = pl.DataFrame({"v": series}).select(pl.struct("v").struct.json_encode()).to_series()
    # {"v":[...]} without its wrapping
    return wrapped.str.slice(5, wrapped.str.len_chars() - 6).alias(series.name)


WRITERS: dict[str, type[TableWriter]] = {
    ".parquet": ParquetWriter,
    ".csv": CsvWriter,
    ".ndjson": NdjsonWriter,
}
