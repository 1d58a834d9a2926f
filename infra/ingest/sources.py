"""Files as rows: parquet, CSV and NDJSON, the latter two gzipped or not.

Text is read line by line, so that one bad line costs that line and a file of any size fits.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any, Literal, TextIO, TypeVar

import polars as pl

from infra.ingest.errors import IngestError
from infra.ingest.rows import LINE, BadRow, Rows

Kind = Literal["parquet", "csv", "ndjson"]

BATCH = 20_000  # rows

_SUFFIXES: dict[str, Kind] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
_CELL_LIMIT = 16 * 1024 * 1024  # characters; the default of 131,072 refuses long descriptions

T = TypeVar("T")
_Line = tuple[int, Any]  # line number, and a row or what is wrong with it


def kind_of(path: Path) -> Kind:
    """What a file is, by its name.

    Raises:
        IngestError: the name says nothing known, or there is nothing to read.
    """
    name = path.name.removesuffix(".gz")
    kind = _SUFFIXES.get(Path(name).suffix.lower())
    if kind is None or (kind == "parquet" and name != path.name):
        raise IngestError(
            f"{path}: what is in it? Names end in .parquet, .csv, .csv.gz, .ndjson, .ndjson.gz, "
            ".jsonl or .jsonl.gz"
        )
    if path.is_dir():
        raise IngestError(f"{path} is a directory; name a file in it")
    if not path.exists():
        raise IngestError(f"{path} does not exist")
    if path.stat().st_size == 0:
        raise IngestError(f"{path} is empty")
    return kind


def columns_of(path: Path) -> list[str]:
    """The columns of a file; of NDJSON those of its first readable line.

    Raises:
        IngestError: it cannot be read or has no rows.
    """
    kind = kind_of(path)
    if kind == "parquet":
        return _parquet(path, lambda: pl.scan_parquet(path).collect_schema().names())
    first = next(read(path, 1), None)
    if first is None or not first.frame.width:
        raise IngestError(f"{path} has no rows")
    return [name for name in first.frame.columns if name != LINE]


def row_count(path: Path) -> int | None:
    """How many rows a file has, where that is known without reading it."""
    if kind_of(path) != "parquet":
        return None
    counted = _parquet(path, lambda: pl.scan_parquet(path).select(pl.len()).collect().item())
    return int(counted)


def read(path: Path, size: int = BATCH) -> Iterator[Rows]:
    """The rows of a file, at most `size` at a time.

    Raises:
        IngestError: it cannot be read at all. (A text file that ends in the middle gives what
            stands before, and a bad row.)
    """
    kind = kind_of(path)
    if kind == "parquet":
        yield from _read_parquet(path, size)
        return
    lines = _csv_lines(path) if kind == "csv" else _json_lines(path)
    while batch := list(islice(lines, size)):
        yield _as_rows(path, batch)


def read_json(path: Path, size: int = BATCH) -> Iterator[tuple[list[_Line], list[BadRow]]]:
    """The objects of an NDJSON file with their lines, types and all, and the bad lines."""
    lines = _json_lines(path)
    while batch := list(islice(lines, size)):
        good = [(line, row) for line, row in batch if isinstance(row, dict)]
        yield good, _bad(path, batch)


def _bad(path: Path, batch: list[_Line]) -> list[BadRow]:
    return [BadRow(path.name, line, row) for line, row in batch if isinstance(row, str)]


def _as_rows(path: Path, batch: list[_Line]) -> Rows:
    good = [(line, row) for line, row in batch if isinstance(row, dict)]
    names = dict.fromkeys(name for _, row in good for name in row)
    data: dict[str, Any] = {name: [_text(row.get(name)) for _, row in good] for name in names}
    schema = {**dict.fromkeys(names, pl.String), LINE: pl.Int64}
    frame = pl.DataFrame({**data, LINE: [line for line, _ in good]}, schema=schema)
    return Rows(frame, _bad(path, batch))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _read_parquet(path: Path, size: int) -> Iterator[Rows]:
    total = row_count(path) or 0
    if total == 0:
        raise IngestError(f"{path} has no rows")
    lazy = pl.scan_parquet(path).with_row_index(LINE, 1).with_columns(pl.col(LINE).cast(pl.Int64))
    for at in range(0, total, size):
        yield Rows(_parquet(path, lazy.slice(at, size).collect))


def _parquet(path: Path, look: Callable[[], T]) -> T:
    try:
        return look()
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise IngestError(f"{path} cannot be read as parquet: {first}") from None


def _open(path: Path) -> TextIO:
    # Bytes that are no UTF-8 become surrogates here and a bad row later, not the end of the file.
    file = gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _csv_lines(path: Path) -> Iterator[_Line]:
    csv.field_size_limit(_CELL_LIMIT)
    with _open(path) as file:
        reader = csv.reader(file)
        lines = _until_broken(reader, lambda: reader.line_num)
        first = next(lines, None)
        if first is None or isinstance(first[1], str):
            raise IngestError(f"{path} has no readable header" + (f": {first[1]}" if first else ""))
        header: list[str] = first[1]
        for line, cells in lines:
            if isinstance(cells, str):
                yield line, cells
            elif not cells:
                continue  # an empty line is no row
            elif len(cells) != len(header):
                yield line, f"{len(cells)} cells, but the header names {len(header)} columns"
            elif any(_broken(cell) for cell in cells):
                yield line, "not UTF-8"
            else:
                yield line, {n: c or None for n, c in zip(header, cells, strict=True)}


def _json_lines(path: Path) -> Iterator[_Line]:
    with _open(path) as file:
        read_so_far = count(1)
        for number, text in _until_broken(iter(file), lambda: next(read_so_far)):
            if isinstance(text, _Broken):
                yield number, str(text)
            elif _broken(text):
                yield number, "not UTF-8"
            elif text.strip():
                yield number, _parsed(text)


def _parsed(text: str) -> dict[str, Any] | str:
    try:
        row = json.loads(text)
    except ValueError as error:
        return f"no JSON: {error}"
    except RecursionError:
        return "no JSON that can be used: nested too deeply"
    if not isinstance(row, dict):
        return f"a row is a JSON object, not {type(row).__name__}"
    return row


class _Broken(str):
    """Why the rest of a file cannot be read."""

    __slots__ = ()


def _until_broken(lines: Iterator[T], number: Callable[[], int]) -> Iterator[tuple[int, T | str]]:
    """Lines with their numbers; where the file breaks off, the reason and no more."""
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except EOFError:
            yield number(), _Broken("the gzip file ends early: it was cut off here")
            return
        except (OSError, zlib.error) as error:
            yield number(), _Broken(f"the rest cannot be read: {error}")
            return
        except csv.Error as error:
            yield number(), f"no CSV: {error}"
            continue
        yield number(), line


def _broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
