"""Files as rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random

import polars as pl
import pytest

from infra.ingest.errors import IngestError
from infra.ingest.rows import LINE, BadRow
from infra.ingest.sources import columns_of, read, row_count


def rows_of(path: Path, size: int = 1000) -> tuple[list[dict], list[BadRow]]:
    found = list(read(path, size))
    return [row for rows in found for row in rows.frame.to_dicts()], [
        bad for rows in found for bad in rows.bad
    ]


def test_a_line_of_csv_has_the_number_an_editor_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('name,about\na,"two\nlines"\n\nb,one\n')

    rows, bad = rows_of(path)

    assert rows == [
        {"name": "a", "about": "two\nlines", LINE: 3},
        {"name": "b", "about": "one", LINE: 5},
    ]
    assert bad == []


def test_a_csv_row_with_too_many_or_too_few_cells_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n3\n4,5,6\n7,8\n")

    rows, bad = rows_of(path)

    assert [row["x"] for row in rows] == ["1", "7"]
    assert bad == [
        BadRow("a.csv", 3, "1 cells, but the header names 2 columns"),
        BadRow("a.csv", 4, "3 cells, but the header names 2 columns"),
    ]


def test_an_empty_cell_is_null(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n,2\n")

    assert rows_of(path)[0] == [{"x": None, "y": "2", LINE: 2}]


@pytest.mark.parametrize("name", ["a.csv", "a.ndjson"])
def test_bytes_that_are_no_utf8_cost_only_their_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.csv":
        path.write_bytes(b"x\nfirst\n\xff\xfe\nlast\n")
    else:
        path.write_bytes(b'{"x":"first"}\n{"x":"\xff\xfe"}\n{"x":"last"}\n')

    rows, bad = rows_of(path)

    assert [row["x"] for row in rows] == ["first", "last"]
    assert [one.reason for one in bad] == ["not UTF-8"]


def test_a_line_that_is_no_json_object_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"x":1}\n{"x":\n[1]\n\n' + "[" * 100_000 + '\n{"x":2}\n')

    rows, bad = rows_of(path)

    assert [(row["x"], row[LINE]) for row in rows] == [("1", 1), ("2", 6)]
    assert [one.line for one in bad] == [2, 3, 5]
    assert "no JSON" in bad[0].reason
    assert bad[1].reason == "a row is a JSON object, not list"


@pytest.mark.parametrize("suffix", ["csv.gz", "ndjson.gz"])
def test_a_gzip_that_was_cut_off_gives_what_stands_before_the_cut(
    tmp_path: Path, suffix: str
) -> None:
    random = Random(1)  # what does not compress, so that the cut is somewhere in the middle
    lines = [f"row {n} {random.random()}" for n in range(20_000)]
    text = (
        "x\n" + "\n".join(lines)
        if "csv" in suffix
        else "\n".join(json.dumps({"x": line}) for line in lines)
    )
    whole = gzip.compress(text.encode())
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(whole[: len(whole) // 2])

    rows, bad = rows_of(path)

    assert 0 < len(rows) < len(lines)
    assert [row["x"] for row in rows] == lines[: len(rows)]
    assert len(bad) == 1
    assert "cut off" in bad[0].reason


def test_a_gzip_that_is_none_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"x,y\n1,2\n")

    with pytest.raises(IngestError, match=r"no readable header.*[Nn]ot a gzip"):
        list(read(path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.parquet", b"", "is empty"),
        ("a.parquet", b"x,y\n1,2\n", "cannot be read as parquet"),
        ("a.xlsx", b"PK", "what is in it"),
        ("a.parquet.gz", b"..", "what is in it"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(IngestError, match=message) as caught:
        list(read(path))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="does not exist"):
        columns_of(tmp_path / "none.csv")
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(IngestError, match="is a directory"):
        columns_of(tmp_path / "d.csv")


def test_parquet_comes_in_parts_with_rows_numbered_from_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"x": range(25)}).write_parquet(path)

    parts = [rows.frame for rows in read(path, 10)]

    assert [part.height for part in parts] == [10, 10, 5]
    assert pl.concat(parts)[LINE].to_list() == list(range(1, 26))
    assert row_count(path) == 25
    assert columns_of(path) == ["x"]


def test_parquet_without_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"x": []}).write_parquet(path)

    with pytest.raises(IngestError, match="has no rows"):
        list(read(path))
