"""Results as files: what is written is read back, and nothing in it runs."""

from __future__ import annotations

import csv
import datetime as dt
import io

import openpyxl
import pytest

from api.exports import csv_file, xlsx_file
from api.exports.table import COLUMNS, rows
from api.shapes.analyses import Result

TITLES = (
    'a "quote", a comma; and\na line',
    '=HYPERLINK("http://example.com","x")',
    "+1 reason",
    "-1 reason",
    "@everyone",
    "\tindented",
    "\rreturned",
    " =1+1",
    "\uff1d1+1",
    "'quoted",
    "https://example.com/",
    "12345",
    "TRUE",
    "{=1+1}",
    "日本語 العربية עברית ไทย हिन्दी 👩‍👩‍👧‍👦 \u202eback",
    "a _x000D_ b\x01c\x0b",
)


def result(title: str, **other: object) -> Result:
    """A result as the log has it."""
    return Result.model_validate(
        {
            "video_id": "-vid",
            "title": title,
            "channel_id": "UCabc",
            "channel_title": f"of {title}",
            "subscribers": 12_345,
            "views": 9_876_543_210,
            "score": 80_004.39854192,
            "brand_fit": 6.5,
            "published_at": "2026-05-01T12:00:00+00:00",
            "category": "20",
            **other,
        }
    )


def sheet(content: bytes, name: str) -> list[tuple[object, ...]]:
    """The cells of a sheet, its formulas as they are written."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert all(cell.data_type != "f" for row in book[name] for cell in row)
    assert all(cell.hyperlink is None for row in book[name] for cell in row)
    return list(book[name].iter_rows(values_only=True))


@pytest.mark.parametrize("title", TITLES)
def test_csv_reads_back_and_no_cell_is_a_formula(title: str) -> None:
    written = csv_file.written(rows([result(title)]))
    assert written.startswith(b"\xef\xbb\xbf")
    header, row = csv.reader(io.StringIO(written.decode("utf-8-sig"), newline=""), strict=True)
    assert tuple(header) == COLUMNS
    found = dict(zip(header, row, strict=True))
    armed = title.strip().startswith(("=", "+", "-", "@", "\uff1d")) or title[0] in "\t\r\n"
    assert found["Video Title"] == (f"'{title}" if armed else title)
    assert not found["Video Title"].lstrip().startswith(("=", "+", "-", "@", "\uff1d"))
    assert found["Video ID"] == "'-vid"
    assert float(found["Outlier Score"]) == 80_004.39854192
    assert int(found["Views"]) == 9_876_543_210
    assert found["Game/Content"] == "gaming"
    assert found["URL"] == "https://www.youtube.com/watch?v=-vid"


def test_a_workbook_reads_back_with_every_text_as_a_text() -> None:
    results = [result(title, video_id=f"v{at}") for at, title in enumerate(TITLES)]
    written = xlsx_file.written([("Status", "=1+1"), ("Total", 3)], rows(results))
    assert sheet(written, "Analysis Summary") == [
        ("Metric", "Value"),
        ("Status", "=1+1"),
        ("Total", 3),
    ]
    header, *found = sheet(written, "Outlier Videos")
    assert header == COLUMNS
    for one, row in zip(results, found, strict=True):
        title = row[COLUMNS.index("Video Title")]
        # XML makes one line end of "\r"; what it cannot hold is written as _xHHHH_.
        assert openpyxl.utils.escape.unescape(str(title)).replace("\r", "\n") == one.title.replace(
            "\r", "\n"
        )
        assert row[COLUMNS.index("Outlier Score")] == one.outlier_score
        assert row[COLUMNS.index("Views")] == one.views


def test_a_workbook_sums_its_channels_up() -> None:
    pair = [result("a"), result("b", score=100.0, views=10, brand_fit=7.5)]
    other = result("c", channel_id="UCother", channel_title="other")
    _, first, second = sheet(xlsx_file.written([], rows([*pair, other])), "Channel Statistics")
    assert first[:4] == ("of a", 12_345, 2, 9_876_543_220)
    assert first[5:] == (80_004.39854192, 7.0)
    assert second[0] == "other"


def test_no_results_are_a_header() -> None:
    assert csv_file.written([]).count(b"\r\n") == 1
    written = xlsx_file.written([], [])
    assert sheet(written, "Outlier Videos") == [COLUMNS]
    assert len(sheet(written, "Channel Statistics")) == 1


def test_times_are_told_in_utc() -> None:
    one = result("t", published_at=dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC))
    assert rows([one])[0][COLUMNS.index("Published Date")] == "2026-05-01T12:00:00Z"
