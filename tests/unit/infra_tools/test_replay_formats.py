"""Lazy frames into files."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from infra.replay.formats import SINKS, sink_for

SCHEMA = pl.Schema(
    {
        "id": pl.Int64(),
        "at": pl.Datetime("us", "UTC"),
        "tags": pl.List(pl.String()),
        "t": pl.String(),
    }
)


def frame(*ids: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": ids,
            "at": [dt.datetime(2026, 5, 1, 0, 0, 0, n, tzinfo=dt.UTC) for n in ids],
            "tags": [["a", 'b "c"'] if n % 2 else None for n in ids],
            "t": [None if n % 2 else "x,y" for n in ids],
        },
        schema=SCHEMA,
    )


def write(suffix: str, directory: Path, *frames: pl.DataFrame) -> Path:
    path = directory / f"out{suffix}"
    SINKS[suffix](pl.concat([SCHEMA.to_frame(), *frames]).lazy(), path)
    return path


def test_parquet_keeps_rows_and_dtypes(tmp_path: Path) -> None:
    path = write(".parquet", tmp_path, frame(1, 2), frame(3))

    assert pl.read_parquet(path).equals(frame(1, 2, 3))


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_file_without_rows_has_its_columns(tmp_path: Path, suffix: str) -> None:
    path = write(suffix, tmp_path)

    read = pl.read_parquet if suffix == ".parquet" else pl.read_csv
    assert read(path).columns == SCHEMA.names()
    assert read(path).height == 0


def test_ndjson_has_times_that_anybody_reads(tmp_path: Path) -> None:
    lines = write(".ndjson", tmp_path, frame(1), frame(2)).read_text().splitlines()

    assert [json.loads(line) for line in lines] == [
        {"id": 1, "at": "2026-05-01T00:00:00.000001Z", "tags": ["a", 'b "c"'], "t": None},
        {"id": 2, "at": "2026-05-01T00:00:00.000002Z", "tags": None, "t": "x,y"},
    ]


def test_csv_has_one_header_and_json_for_lists(tmp_path: Path) -> None:
    with write(".csv", tmp_path, frame(1), frame(2)).open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert [row["id"] for row in rows] == ["1", "2"]
    assert json.loads(rows[0]["tags"]) == ["a", 'b "c"']
    assert (rows[0]["t"], rows[1]["t"]) == ("", "x,y")
    assert rows[0]["at"] == "2026-05-01T00:00:00.000001Z"


@pytest.mark.parametrize("suffix", [".csv", ".ndjson"])
def test_bytes_are_base64_in_text(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    SINKS[suffix](pl.LazyFrame({"raw": [b"\xff\x00", None]}), path)
    text = path.read_text()
    assert text.count("/wA=") == 1
    if suffix == ".ndjson":
        assert [json.loads(line) for line in text.splitlines()] == [{"raw": "/wA="}, {"raw": None}]


@pytest.mark.parametrize("suffix", [".csv", ".ndjson"])
def test_packed_text_is_the_same_text(tmp_path: Path, suffix: str) -> None:
    plain = write(suffix, tmp_path, frame(1, 2, 3)).read_bytes()
    packed = write(f"{suffix}.gz", tmp_path, frame(1, 2, 3)).read_bytes()

    assert packed[:2] == b"\x1f\x8b"
    assert gzip.decompress(packed) == plain


def test_a_name_says_what_is_written() -> None:
    assert sink_for(Path("a.csv.gz")) is SINKS[".csv.gz"]
    assert sink_for(Path("may.2026.parquet")) is SINKS[".parquet"]
    assert sink_for(Path("a.xlsx")) is None
    assert sink_for(Path("a.gz")) is None
