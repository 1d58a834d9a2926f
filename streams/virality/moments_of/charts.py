"""Charts' tables, as people keep them, into the videos and observations of moments."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from schemas.avro_types import TIMESTAMP

_VIDEO_NEEDS = ("video_id", "channel_id", "title", "published_at")
_SNAPSHOT_NEEDS = ("video_id", "views", "captured_at")
_VIDEO_NAMES = {
    "category_id": "category",
    "lang": "language",
    "desc_len": "description_length",
    "n_links": "links",
    "n_tags": "tag_count",
}
_TAG_SEPARATOR = "|"


class UnusableTableError(ValueError):
    """A table cannot be used as it is."""


@dataclass(frozen=True)
class Chart:
    """Videos and observations for [`AsOf`][streams.virality.moments_of.as_of.AsOf].

    Attributes:
        videos: `video_id`, `channel_id`, `title`, `published_at` (UTC) and, where the file has
            them, `category`, `language`, `description_length`, `links`, `tags`, `tag_count`,
            `duration_s`.
        observations: `video_id`, `at` (UTC), `views`, `likes`, `comments` (Int64).
        refused: rows left out, by the reason.
    """

    videos: pl.DataFrame
    observations: pl.DataFrame
    refused: dict[str, int]


def from_chart(videos: pl.DataFrame, snapshots: pl.DataFrame) -> Chart:
    """Read tables with the columns of a chart's files.

    Args:
        videos: `video_id`, `channel_id`, `title`, `published_at` and, optionally, `category_id`,
            `lang`, `desc_len`, `n_links`, `n_tags`, `tags` ("a|b|c"), `duration_s`. Other columns
            (such as the country of the first chart, which is known only later) are not looked at.
        snapshots: `video_id`, `views`, `captured_at` and, optionally, `likes`, `comments`.
            Times without a zone are UTC; ISO 8601 text is read.

    Raises:
        UnusableTableError: a column is missing or has a type that cannot be what its name says.
    """
    _require(videos, _VIDEO_NEEDS, "videos")
    _require(snapshots, _SNAPSHOT_NEEDS, "snapshots")
    known, videos_refused = _videos(videos)
    observations, snapshots_refused = _observations(snapshots, known)
    return Chart(known, observations, {**videos_refused, **snapshots_refused})


def _require(table: pl.DataFrame, columns: tuple[str, ...], name: str) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UnusableTableError(
            f"the table of {name} has no column {', '.join(missing)}; "
            f"it has {', '.join(table.columns) or 'none'}"
        )


def _videos(table: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    named = table.rename(
        {old: new for old, new in _VIDEO_NAMES.items() if old in table.columns and new not in table}
    )
    read = named.select(
        *(_text(named, name) for name in ("video_id", "channel_id", "title")),
        _time(named, "published_at", "videos").alias("published_at"),
        *(_text(named, name) for name in ("category", "language") if name in named),
        *(
            _count(named, name, "videos")
            for name in ("description_length", "links", "tag_count", "duration_s")
            if name in named
        ),
        *([_tags(named)] if "tags" in named else []),
    )
    usable = read.filter(
        pl.col("video_id").is_not_null(), pl.col("published_at").is_not_null()
    ).with_columns(pl.col("title").fill_null(""))
    unique = usable.unique("video_id", keep="last", maintain_order=True)
    return unique, {
        "videos without id or time of publication": read.height - usable.height,
        "videos repeated": usable.height - unique.height,
    }


def _observations(table: pl.DataFrame, videos: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    read = table.select(
        _text(table, "video_id"),
        _time(table, "captured_at", "snapshots").alias("at"),
        *(
            _count(table, name, "snapshots")
            if name in table
            else pl.lit(None, pl.Int64).alias(name)
            for name in ("views", "likes", "comments")
        ),
    )
    usable = read.filter(pl.col("video_id").is_not_null(), pl.col("at").is_not_null())
    known = usable.join(videos, on="video_id", how="semi")
    unique = known.unique(["video_id", "at"], keep="last", maintain_order=True)
    return unique, {
        "snapshots without id or time": read.height - usable.height,
        "snapshots of unknown videos": usable.height - known.height,
        "snapshots repeated": known.height - unique.height,
        "snapshots with hidden views": unique["views"].null_count(),
    }


def _text(table: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).alias(name)


def _count(table: pl.DataFrame, name: str, where: str) -> pl.Expr:
    dtype = table.schema[name]
    if not (dtype.is_numeric() or dtype == pl.Null):
        raise UnusableTableError(f"{name} in the table of {where} is {dtype}, not a number")
    number = pl.col(name).cast(pl.Int64, strict=False)
    return pl.when(number >= 0).then(number).alias(name)


def _time(table: pl.DataFrame, name: str, where: str) -> pl.Expr:
    dtype = table.schema[name]
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            column = column.dt.replace_time_zone("UTC")
        return column.dt.convert_time_zone("UTC").cast(TIMESTAMP)
    if dtype == pl.Date:
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if dtype == pl.String:
        return column.str.to_datetime(time_zone="UTC", time_unit="us", strict=False)
    raise UnusableTableError(f"{name} in the table of {where} is {dtype}, not a time")


def _tags(table: pl.DataFrame) -> pl.Expr:
    if isinstance(table.schema["tags"], pl.List):
        return pl.col("tags").cast(pl.List(pl.String))
    text = pl.col("tags").cast(pl.String)
    return (
        pl.when(text == "")
        .then(pl.lit([], pl.List(pl.String)))
        .otherwise(text.str.split(_TAG_SEPARATOR))
        .alias("tags")
    )
