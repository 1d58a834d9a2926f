"""Values brought to the dtypes of events."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from infra.ingest.columns import Column, require, typed
from infra.ingest.errors import IngestError
from infra.ingest.rows import LINE


def convert(kind: str, values: list, dtype: pl.DataType | None = None, **column: object):
    frame = pl.DataFrame({"v": pl.Series(values, dtype=dtype, strict=False)})
    frame = frame.with_row_index(LINE, 1).with_columns(pl.col(LINE).cast(pl.Int64))
    good, bad = typed(frame, [Column("v", kind, **column)], "f")
    return good["v"].to_list(), [(one.line, one.reason) for one in bad]


def test_whole_numbers_come_from_text_and_from_floats_with_gaps() -> None:
    assert convert("count", [" 12 ", "-3", None]) == ([12, -3, None], [])
    assert convert("count", [5.0, float("nan"), None]) == ([5, None, None], [])


@pytest.mark.parametrize("value", ["abc", "1.5", "", "1e5", "9" * 30])
def test_what_is_no_whole_number_is_a_bad_row(value: str) -> None:
    good, bad = convert("count", ["1", value])

    assert good == [1]
    assert bad == [(2, f"v: {value!r} is no whole number")]


def test_half_a_view_is_a_bad_row() -> None:
    assert convert("count", [1.5, 2.0]) == ([2], [(1, "v: 1.5 is no whole number")])


def test_what_does_not_fit_into_32_bits_is_a_bad_row() -> None:
    assert convert("int", [2**31 - 1, 2**31])[0] == [2**31 - 1]


def test_durations_are_seconds_or_iso_8601() -> None:
    given = ["PT1H2M3S", "PT59S", "P1DT1S", "90", "P0D", "PT", "P", "PTX", None]

    good, bad = convert("seconds", given)

    assert good[:5] == [3723, 59, 86_401, 90, 0]
    assert good[5:] == [None]
    assert [line for line, _ in bad] == [6, 7, 8]


def test_times_are_utc_unless_they_say_otherwise() -> None:
    expected = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
    texts = ["2026-05-01T12:00:00Z", "2026-05-01 12:00:00", "2026-05-01T14:00:00+02:00"]

    assert convert("time", texts) == ([expected] * 3, [])
    assert convert("time", [dt.datetime(2026, 5, 1, 12)]) == ([expected], [])
    assert convert("time", [dt.date(2026, 5, 1)])[0] == [expected.replace(hour=0)]


@pytest.mark.parametrize("value", ["yesterday", "2026-13-01", "1714564800"])
def test_what_is_no_time_is_a_bad_row(value: str) -> None:
    good, bad = convert("time", [value])

    assert good == []
    assert bad[0][1].startswith(f"v: {value!r} is no time like")


def test_numbers_are_no_times() -> None:
    assert convert("time", [1714564800])[0] == []


def test_lists_come_from_bars_from_json_and_as_they_are() -> None:
    assert convert("list", ["a|b", '["c","d"]', "", None])[0] == [["a", "b"], ["c", "d"], [], []]
    assert convert("list", [["a"], None])[0] == [["a"], []]
    assert convert("list", ["[1, 2]"]) == ([], [(1, "v: '[1, 2]' is no list of texts")])


def test_null_where_a_value_is_required_is_a_bad_row() -> None:
    assert convert("text", ["a", None], required=True) == (["a"], [(2, "v is missing")])


def test_a_column_that_the_file_does_not_have_becomes_null() -> None:
    frame = pl.DataFrame({LINE: [1, 2]})

    good, bad = typed(frame, [Column("views", "count")], "f")

    assert good["views"].to_list() == [None, None]
    assert good.schema["views"] == pl.Int64
    assert bad == []


def test_a_row_is_bad_once_for_its_first_reason() -> None:
    frame = pl.DataFrame({"a": ["x"], "b": ["y"], LINE: [7]})

    _, bad = typed(frame, [Column("a", "count"), Column("b", "count")], "f")

    assert [str(one) for one in bad] == ["f, line 7: a: 'x' is no whole number"]


def test_a_missing_column_is_said_with_what_was_found_and_expected() -> None:
    wanted = [Column("video_id", required=True), Column("views", "count", ("views", "view_count"))]

    with pytest.raises(IngestError) as caught:
        require(Path("f.csv"), ["id", "views"], wanted, "chart")
    assert str(caught.value) == (
        "f.csv is no chart file: column video_id is missing; found id, views; "
        "expected video_id, views|view_count?"
    )
