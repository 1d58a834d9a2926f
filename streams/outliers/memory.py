"""Which snapshots are judged: the first of a video in an age bucket, and what is remembered of it.

**Why the memory may be cut and the judgements still do not depend on the chunks.** Let A(i) be the
newest `occurred_at` of the channel up to and including event i of the log, and H(i) = A(i) - 120 d.

1. Event i *counts* iff its views are known, its age has a bucket and its published_at >= H(i). An
   event in order always passes the last test (it is younger than 90 days); one that fails came
   more than 30 days late.
2. The memory of (video, bucket) is M, the newest published_at of the events before i that counted
   there. Event i is judged iff it counts and (M is null or M < H(i)).
3. A, and with it H, never falls. An entry with M < H(i) is therefore below H(j) for every later j:
   it can never again hinder a judgement. Dropping it now, later or never gives the same
   judgements, and after a drop at the end of a chunk the rest, {M >= H(last)}, is the same set
   whatever was dropped before: an event that counts after a drop has published_at >= H > the
   dropped M, so the maximum does not miss it.
4. A video whose published_at stands still is judged once per bucket for ever: when i counts,
   M = published_at >= H(i). Only a publication moved forward past the horizon is judged anew.

Forgetting by the event's own occurred_at would not do: of events out of order a late one could
still match an entry that another chunking had dropped already.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

HORIZON = dt.timedelta(days=120)

_PLACE = ("_channel", "video_id", "age_from_h")


def entries(channels: pl.DataFrame) -> pl.DataFrame:
    """The memories of channels, one a row.

    Args:
        channels: `_channel` and `seen`, the list of SeenVideo.

    Returns:
        `_channel`, video_id, age_from_h, published_at.
    """
    return (
        channels.select("_channel", "seen")
        .filter(pl.col("seen").list.len() > 0)
        .explode("seen")
        .unnest("seen")
    )


def counting(snapshots: pl.DataFrame) -> pl.DataFrame:
    """The snapshots that count, see the module's first rule.

    Args:
        snapshots: views, age_from_h, published_at and as_of, the A(i) above.
    """
    return snapshots.filter(
        pl.col("views") >= 0,
        pl.col("age_from_h").is_not_null(),
        pl.col("published_at") >= pl.col("as_of") - HORIZON,
    )


def first_ones(counted: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The snapshots to judge, see the module's second rule.

    Args:
        counted: what [`counting`][streams.outliers.memory.counting] left, in the order of the log.
        known: [`entries`][streams.outliers.memory.entries] of their channels before.
    """
    numbered = counted.with_row_index("_number")
    # A window costs as much as all the rest, and few places have two snapshots in one chunk.
    within = numbered.filter(pl.struct(_PLACE).is_duplicated()).select(
        "_number", pl.col("published_at").cum_max().shift(1).over(_PLACE).alias("_within")
    )
    return (
        numbered.join(within, on="_number", how="left", maintain_order="left")
        .join(
            known.rename({"published_at": "_known"}),
            on=_PLACE,
            how="left",
            maintain_order="left",
        )
        .with_columns(pl.max_horizontal("_known", "_within"))  # ignores nulls
        .filter(pl.col("_known").is_null() | (pl.col("_known") < pl.col("as_of") - HORIZON))
        .drop("_number", "_known", "_within")
    )


def remembered(known: pl.DataFrame, counted: pl.DataFrame, channels: pl.DataFrame) -> pl.DataFrame:
    """The memories after a chunk: merged, and cut at the horizon.

    Args:
        known: entries before.
        counted: snapshots of the chunk that count.
        channels: `_channel` and as_of, the A of the chunk's last event.

    Returns:
        `_channel` and `seen` of the channels that remember something. Entries are ordered by
        what they say, so that equal memories are equal rows.
    """
    columns = [*_PLACE, "published_at"]
    return (
        pl.concat([known.select(columns), counted.select(columns)])
        .group_by(_PLACE)
        .agg(pl.col("published_at").max())
        .join(channels.select("_channel", "as_of"), on="_channel")
        .filter(pl.col("published_at") >= pl.col("as_of") - HORIZON)
        .sort("_channel", "published_at", "video_id", "age_from_h")
        .group_by("_channel", maintain_order=True)
        .agg(pl.struct("video_id", "age_from_h", "published_at").alias("seen"))
    )
