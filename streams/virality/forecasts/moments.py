"""Moments of videos, out of what an agent remembers of their channels."""

from __future__ import annotations

import datetime as dt

import polars as pl

from streams.virality.forecasts.histories import histories
from streams.virality.forecasts.memory import ENTRY
from streams.virality.moments import MOMENT, OBSERVATION

OLDEST = dt.timedelta(days=30)  # the last horizon: nothing is left to forecast beyond

ASKED = pl.Schema({**MOMENT, "applied_offset": pl.Int64(), "ahead": pl.Boolean()})

_COUNTS = [field.name for field in OBSERVATION.fields]


def last_of_each(snapshots: pl.DataFrame) -> pl.DataFrame:
    """The last snapshot of each video, with `_target`, their number.

    Args:
        snapshots: events with `_channel` and as_of, in the order of the log.
    """
    last = snapshots.unique(["_channel", "video_id"], keep="last", maintain_order=True)
    return last.with_row_index("_target")


def moments_at(
    targets: pl.DataFrame, known: pl.DataFrame, new: pl.DataFrame, after: pl.DataFrame
) -> pl.DataFrame:
    """The moments of the targets, from nothing that comes behind them in the log.

    What is said of a video is what its snapshot says; what that leaves open, what earlier ones did.
    Of a video that is not among the newest of its channel nothing but this snapshot is known.

    Args:
        targets: what [`last_of_each`][streams.virality.forecasts.moments.last_of_each] gave.
        known: entries before the chunk.
        new: observations of the chunk.
        after: entries after it, also those that the channel has too many of. A target is the last
            of its video: of that nothing comes behind.

    Returns:
        `ASKED`; `ahead` says that there is something to forecast: the video is out and not past the
        last horizon, and its channel remembers it.
    """
    plain = pl.element().struct.field
    own = after.select(
        *ENTRY,
        pl.col("category").alias("_category"),
        pl.col("duration_s").alias("_duration_s"),
        pl.col("observed").list.eval(pl.struct(plain(name) for name in _COUNTS)),
    )
    then = histories(targets, known, new).with_columns(pl.lit(value=True).alias("_remembered"))
    age = pl.col("as_of") - pl.col("published_at")
    remembered = pl.col("_remembered").fill_null(value=False)
    made = (
        targets.join(then, on="_target", how="left", maintain_order="left")
        .join(own, on=ENTRY, how="left", maintain_order="left")
        .with_columns(
            (remembered & (age >= dt.timedelta()) & (age <= OLDEST)).alias("ahead"),
            pl.col("as_of").alias("at"),
            pl.col("title").fill_null(""),
            pl.when(remembered).then(pl.col("observed")).otherwise(_this_one()).alias("observed"),
            pl.col("history").fill_null(pl.lit([], MOMENT["history"])),
            pl.coalesce("category", pl.when(remembered).then("_category")).alias("category"),
            pl.coalesce(
                pl.col("duration_s").cast(pl.Int64), pl.when(remembered).then("_duration_s")
            ).alias("duration_s"),
            pl.col("_offset").alias("applied_offset"),
        )
        .with_columns(pl.col("observed").fill_null(pl.lit([], MOMENT["observed"])))
    )
    unknown = [
        pl.lit(None, dtype).alias(name) for name, dtype in ASKED.items() if name not in made.columns
    ]
    return made.with_columns(unknown).select(
        pl.col(name).cast(dtype) for name, dtype in ASKED.items()
    )


def _this_one() -> pl.Expr:
    """The snapshot's own counts as the only observation; null where they are hidden."""
    counts = pl.struct(pl.col("occurred_at").alias("at"), "views", "likes", "comments")
    return pl.when(pl.col("views") >= 0).then(pl.concat_list(counts))
