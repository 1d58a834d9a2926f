"""Columns of files as columns of events: names found, values brought to their dtypes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from infra.ingest.errors import IngestError
from infra.ingest.rows import LINE, BadRow
from schemas.avro_types import TIMESTAMP

Kind = Literal["text", "count", "int", "seconds", "number", "time", "list"]

_ISO_DURATION = r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?$"
_SECONDS = (86_400, 3_600, 60, 1)


@dataclass(frozen=True)
class Column:
    """A field of an event and how files call it.

    Attributes:
        name: the event's field.
        kind: text; count and int, whole numbers of 64 and 32 bits; seconds, an int or an ISO 8601
            duration; number; time; list of texts.
        aliases: names of it in files, the first found is used; the field's own name if empty.
        required: a file without it is refused, and a row where it is null is bad.
    """

    name: str
    kind: Kind = "text"
    aliases: tuple[str, ...] = ()
    required: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Every name under which a file may have it."""
        return self.aliases or (self.name,)

    def found_in(self, columns: Sequence[str]) -> str | None:
        """The file's name for it."""
        return next((name for name in self.names if name in columns), None)


def require(path: Path, columns: Sequence[str], wanted: Sequence[Column], what: str) -> None:
    """Check that a file has what it cannot do without.

    Raises:
        IngestError: says which columns are missing, which were found and which are expected.
    """
    missing = [column for column in wanted if column.required and not column.found_in(columns)]
    if missing:
        expected = [_shown(column) for column in wanted]
        raise IngestError(
            f"{path} is no {what} file: column {', '.join(map(_shown, missing))} is missing; "
            f"found {', '.join(columns) or 'none'}; expected {', '.join(expected)}"
        )


def _shown(column: Column) -> str:
    return "|".join(column.names) + ("" if column.required else "?")


def typed(
    frame: pl.DataFrame, wanted: Sequence[Column], file: str
) -> tuple[pl.DataFrame, list[BadRow]]:
    """The wanted columns in their dtypes.

    Args:
        frame: rows of a file with `_line`.
        wanted: what to take from it; a column that the file does not have becomes null.
        file: its name, for bad rows.

    Returns:
        Good rows: one column per wanted one (text String, count Int64, number Float64, time
        Datetime(us, UTC), list List(String)) and `_line`; and the bad rows, with the first reason
        of each.
    """
    columns: list[pl.Series] = []
    reasons: dict[int, str] = {}
    for column in wanted:
        source = column.found_in(frame.columns)
        if source is None:
            columns.append(
                pl.Series(column.name, [None] * frame.height, dtype=_DTYPES[column.kind])
            )
            continue
        given = frame[source]
        series, wrong = _CONVERT[column.kind](given)
        columns.append(series.alias(column.name))
        for row in wrong.arg_true():
            reasons.setdefault(row, f"{source}: {given[row]!r} is no {_MEANT[column.kind]}")
        if column.required:
            for row in (series.is_null() & ~wrong).arg_true():
                reasons.setdefault(row, f"{source} is missing")
    result = pl.DataFrame([*columns, frame[LINE]])
    if not reasons:
        return result, []
    lines = frame[LINE]
    bad = [BadRow(file, lines[row], reasons[row]) for row in sorted(reasons)]
    rows = pl.Series(sorted(reasons), dtype=pl.UInt32)
    keep = ~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(rows.implode())
    return result.filter(keep), bad


_Converted = tuple[pl.Series, pl.Series]  # values, and where a value was there but is none


def _as_text(given: pl.Series) -> _Converted:
    series = given.cast(pl.String)
    return series, pl.repeat(value=False, n=len(given), dtype=pl.Boolean, eager=True)


def _as_number(given: pl.Series) -> _Converted:
    if given.dtype.is_float():
        given = given.fill_nan(None)
    if not (given.dtype.is_numeric() or given.dtype == pl.String or given.dtype == pl.Null):
        return _nothing(given, pl.Float64())
    series = given.cast(pl.Float64, strict=False)
    return series, series.is_null() & given.is_not_null()


def _as_count(given: pl.Series) -> _Converted:
    if given.dtype.is_float():
        # Frames of other tools hold counts with gaps as floats.
        given = given.fill_nan(None)
        series = given.cast(pl.Int64, strict=False)
        return series, (series.is_null() & given.is_not_null()) | (given != given.round(0))
    if given.dtype == pl.String:
        series = given.str.strip_chars().cast(pl.Int64, strict=False)
        return series, series.is_null() & given.is_not_null()
    if not (given.dtype.is_integer() or given.dtype == pl.Null):
        return _nothing(given, pl.Int64())
    series = given.cast(pl.Int64, strict=False)
    return series, series.is_null() & given.is_not_null()


def _as_int(given: pl.Series) -> _Converted:
    series, wrong = _as_count(given)
    narrow = series.cast(pl.Int32, strict=False)
    return narrow, wrong | (narrow.is_null() & series.is_not_null())


def _as_seconds(given: pl.Series) -> _Converted:
    if given.dtype == pl.String:
        durations = _iso_seconds(given)
        given = pl.select(pl.coalesce(durations.cast(pl.String), given)).to_series()
    return _as_int(given)


def _iso_seconds(given: pl.Series) -> pl.Series:
    """Seconds of ISO 8601 durations such as PT1H2M3S; null for any other text."""
    if not given.str.starts_with("P").any():
        return pl.Series(given.name, [None] * len(given), dtype=pl.Int64)
    frame = given.alias("text").to_frame()
    parts = [
        pl.col("text").str.extract(_ISO_DURATION, group).cast(pl.Int64).fill_null(0) * seconds
        for group, seconds in enumerate(_SECONDS, 1)
    ]
    is_one = pl.col("text").str.contains(_ISO_DURATION) & pl.col("text").str.contains(r"\d")
    return frame.select(pl.when(is_one).then(pl.sum_horizontal(parts))).to_series()


def _as_time(given: pl.Series) -> _Converted:
    if given.dtype == pl.Date:
        given = given.cast(pl.Datetime("us"))
    if isinstance(given.dtype, pl.Datetime):
        if given.dtype.time_zone is None:
            given = given.dt.replace_time_zone("UTC")
        series = given.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
        return series, pl.repeat(value=False, n=len(given), dtype=pl.Boolean, eager=True)
    if given.dtype != pl.String:
        return _nothing(given, TIMESTAMP)
    series = pl.Series(given.name, [_time(text) for text in given], dtype=TIMESTAMP)
    return series, series.is_null() & given.is_not_null()


def _time(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        time = dt.datetime.fromisoformat(text)
        return time.astimezone(dt.UTC) if time.tzinfo else time.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None


def _as_list(given: pl.Series) -> _Converted:
    none = pl.repeat(value=False, n=len(given), dtype=pl.Boolean, eager=True)
    if isinstance(given.dtype, pl.List):
        return given.cast(pl.List(pl.String)).fill_null([]), none
    if given.dtype not in (pl.String, pl.Null):
        return _nothing(given, pl.List(pl.String()))
    lists = [_list(text) for text in given]
    wrong = pl.Series([found is None for found in lists], dtype=pl.Boolean)
    return pl.Series(given.name, [f or [] for f in lists], dtype=pl.List(pl.String)), wrong


def _list(text: str | None) -> list[str] | None:
    """A JSON list of texts, or texts between bars as chart files have them."""
    if not text:
        return []
    if not text.startswith("["):
        return text.split("|")
    try:
        found = json.loads(text)
    except ValueError:
        return text.split("|")
    return found if all(isinstance(item, str) for item in found) else None


def _nothing(given: pl.Series, dtype: pl.DataType) -> _Converted:
    return pl.Series(given.name, [None] * len(given), dtype=dtype), given.is_not_null()


_DTYPES: dict[Kind, pl.DataType] = {
    "text": pl.String(),
    "count": pl.Int64(),
    "int": pl.Int32(),
    "seconds": pl.Int32(),
    "number": pl.Float64(),
    "time": TIMESTAMP,
    "list": pl.List(pl.String()),
}
_CONVERT: dict[Kind, Callable[[pl.Series], _Converted]] = {
    "text": _as_text,
    "count": _as_count,
    "int": _as_int,
    "seconds": _as_seconds,
    "number": _as_number,
    "time": _as_time,
    "list": _as_list,
}
_MEANT: dict[Kind, str] = {
    "text": "text",
    "count": "whole number",
    "int": "whole number of 32 bits",
    "seconds": "number of seconds or duration like PT4M13S",
    "number": "number",
    "time": "time like 2026-05-01T12:00:00Z",
    "list": "list of texts",
}
