"""Files of uploads as an evaluation uses them: checked, counted, in the order of publication."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from streams.outliers.model.errors import EvaluationError

COLUMNS = ("channel_id", "video_id", "published", "views")
CLOCKS_DIFFER = dt.timedelta(hours=1)
YOUNGEST_H = 48.0  # the moment of the counts is not known well enough for younger ones


@dataclass(frozen=True)
class Uploads:
    """Whole upload lists.

    Attributes:
        videos: channel_id, video_id String; published Datetime(us, UTC); views Float64; age_h
            Float64; x = log10(views + 1); place Int64, how many earlier ones of the channel there
            are. By channel, then published, then video_id.
        seen_at: when the views are taken to be of.
        left_out: rows that are not among them, by the reason.
    """

    videos: pl.DataFrame
    seen_at: dt.datetime
    left_out: dict[str, int]


def uploads_of(table: pl.DataFrame, seen_at: dt.datetime | None = None) -> Uploads:
    """A table of uploads.

    Args:
        table: `COLUMNS`: published is a time, a date or RFC 3339 text (UTC where no zone is
            given), views a number or its text. Others are ignored.
        seen_at: when the views were counted; unless given, when the newest was published, which
            is the earliest that it can have been.

    Published later than an hour from now nothing can be: that is left out, and is no "newest".

    Raises:
        EvaluationError: columns are absent or of a wrong type, or no row is usable.
    """
    absent = [name for name in COLUMNS if name not in table.columns]
    if absent:
        raise EvaluationError(
            f"the uploads have no column {', '.join(absent)}; wanted are {', '.join(COLUMNS)}, "
            f"and there are {', '.join(table.columns) or 'none'}"
        )
    if not table.height:
        raise EvaluationError("the uploads have no rows")
    read = table.select(
        *(_text(table[name]) for name in ("channel_id", "video_id")),
        _times(table["published"]),
        _numbers(table["views"]),
    )
    left_out: dict[str, int] = {}

    def keep(rows: pl.DataFrame, condition: pl.Expr, reason: str) -> pl.DataFrame:
        kept = rows.filter(condition.fill_null(False))
        if kept.height < rows.height:
            left_out[reason] = rows.height - kept.height
        return kept

    named = pl.col("channel_id").str.len_bytes() > 0
    read = keep(read, named & (pl.col("video_id").str.len_bytes() > 0), "no channel_id or video_id")
    read = keep(read, pl.col("published").is_not_null(), "published is no time")
    latest = dt.datetime.now(dt.UTC) + CLOCKS_DIFFER
    read = keep(read, pl.col("published") <= latest, "published in the future")
    read = keep(read, pl.col("views").is_finite(), "views hidden or no number")
    read = keep(read, pl.col("views") >= 0, "negative views")
    # Views only grow but for recounts: of several rows of a video the highest is the newest.
    once = read.sort("video_id", "views", "channel_id", "published").unique(
        "video_id", keep="last", maintain_order=True
    )
    if once.height < read.height:
        left_out["repeated video_id"] = read.height - once.height
    if not once.height:
        raise EvaluationError(f"no row of the uploads is usable: {_told(left_out)}")
    newest = once["published"].max()
    assert isinstance(newest, dt.datetime)
    moment = newest if seen_at is None else seen_at
    age_h = (pl.lit(moment) - pl.col("published")).dt.total_microseconds() / 3.6e9
    aged = once.with_columns(age_h.alias("age_h"))
    aged = keep(aged, pl.col("age_h") >= YOUNGEST_H, f"younger than {YOUNGEST_H:.0f} h")
    videos = aged.with_columns((pl.col("views") + 1).log10().alias("x")).sort(
        "channel_id", "published", "video_id"
    )
    return Uploads(
        videos.with_columns(pl.int_range(pl.len()).over("channel_id").alias("place")),
        moment,
        left_out,
    )


def _text(column: pl.Series) -> pl.Series:
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError:
        raise EvaluationError(f"{column.name} should be text, not {column.dtype}") from None


def _times(column: pl.Series) -> pl.Series:
    """Datetime(us, UTC); null where it is none."""
    match column.dtype:
        case pl.Date:
            return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        case pl.Datetime(time_zone=None):
            return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        case pl.Datetime():
            return column.cast(pl.Datetime("us", column.dtype.time_zone)).dt.convert_time_zone(
                "UTC"
            )
        case pl.String:
            plain = column.str.strip_chars().str.replace(r"(?i) ?utc$", "Z")
            zoned = plain.str.contains(r"(?i)(z|[+-]\d\d:?\d\d)$") & plain.str.contains(r"\d:\d")
            spaced = plain.str.replace(" ", "T", literal=True)
            whole = pl.select(
                pl.when(plain.str.contains(":")).then(spaced).otherwise(plain + "T00:00:00")
            ).to_series()
            text = pl.select(pl.when(zoned).then(whole).otherwise(whole + "Z")).to_series()
            formats = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
            found = [text.str.to_datetime(one, strict=False, time_unit="us") for one in formats]
            return pl.select(
                pl.coalesce(one.dt.convert_time_zone("UTC") for one in found).alias(column.name)
            ).to_series()
        case _:
            raise EvaluationError(
                f"{column.name} should be a time, or text like 2026-05-01T12:00:00Z, "
                f"not {column.dtype}"
            )


def _numbers(column: pl.Series) -> pl.Series:
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Null)):
        raise EvaluationError(f"{column.name} should be a number, not {column.dtype}")
    return column.cast(pl.Float64, strict=False)


def _told(left_out: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
