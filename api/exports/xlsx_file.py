"""Results as a workbook for spreadsheets: a summary, the videos, and figures of their channels.

Every text is written as a text: none becomes a formula, a number or a link.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from api.exports.table import COLUMNS, Cell

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_LONGEST = 32_767  # characters of a cell
_WIDTHS = (25, 15, 40, 15, 15, 12, 20, 45, 22, 28, 16)
_CHANNEL_COLUMNS = (
    "Channel Name",
    "Subscribers",
    "Outlier Videos Found",
    "Total Views",
    "Avg Outlier Score",
    "Max Outlier Score",
    "Avg Brand Fit",
)


def written(summary: Iterable[tuple[str, Cell]], rows: Sequence[Sequence[Cell]]) -> bytes:
    """A workbook of these results.

    Args:
        summary: names and values of the first sheet.
        rows: of the second, in the order of `COLUMNS`.
    """
    file = io.BytesIO()
    # Rows are written out as they come, so that a long list costs no memory.
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        bold = book.add_format({"bold": True})
        for name, header, widths, content in (
            ("Analysis Summary", ("Metric", "Value"), (25, 40), summary),
            ("Outlier Videos", COLUMNS, _WIDTHS, rows),
            ("Channel Statistics", _CHANNEL_COLUMNS, (25, 15, 20, 15, 18, 18, 15), _channels(rows)),
        ):
            sheet = book.add_worksheet(name)
            for column, width in enumerate(widths):
                sheet.set_column(column, column, width)
            _write_row(sheet, 0, header, bold)
            last = 0
            for last, row in enumerate(content, 1):
                _write_row(sheet, last, row)
            sheet.autofilter(0, 0, last, len(header) - 1)
    return file.getvalue()


def _write_row(sheet: Worksheet, number: int, row: Sequence[Cell], style: object = None) -> None:
    for column, cell in enumerate(row):
        if isinstance(cell, str):
            sheet.write_string(number, column, cell[:_LONGEST], style)
        else:
            sheet.write_number(number, column, cell, style)


def _channels(rows: Sequence[Sequence[Cell]]) -> list[tuple[Cell, ...]]:
    """Figures of each channel that has results, in the order of its best one."""
    at = {name: place for place, name in enumerate(COLUMNS)}
    by_channel: dict[Cell, list[Sequence[Cell]]] = {}
    for row in rows:
        by_channel.setdefault(row[at["Channel ID"]], []).append(row)

    def figures(own: list[Sequence[Cell]], name: str) -> list[float]:
        return [float(row[at[name]]) for row in own]

    return [
        (
            own[0][at["Channel Name"]],
            own[0][at["Subscribers"]],
            len(own),
            sum(figures(own, "Views")),
            sum(figures(own, "Outlier Score")) / len(own),
            max(figures(own, "Outlier Score")),
            sum(figures(own, "Brand Fit")) / len(own),
        )
        for own in by_channel.values()
    ]
