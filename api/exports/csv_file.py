"""Results as CSV that a spreadsheet opens as it is meant.

Texts are in quotes (RFC 4180, lines end with CR LF), UTF-8 begins with a byte order mark, by which
spreadsheets know it. A text that a spreadsheet would take for a formula gets an apostrophe in
front: titles are other people's, and a formula can send what stands beside it elsewhere.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from api.exports.table import COLUMNS, Cell

MEDIA_TYPE = "text/csv; charset=utf-8"

# How formulas begin, the full-width forms among them; a blank in front does not disarm them.
_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def written(rows: Iterable[Sequence[Cell]]) -> bytes:
    """A file with a header and these rows."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([disarmed(cell) if isinstance(cell, str) else cell for cell in row])
    return text.getvalue().encode("utf-8-sig")


def disarmed(text: str) -> str:
    """The text, with an apostrophe in front where it could be a formula."""
    armed = text.startswith(_BEGINNINGS) or text.lstrip().startswith(_BEGINNINGS)
    return f"'{text}" if armed else text
