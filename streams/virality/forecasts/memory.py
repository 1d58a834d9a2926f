"""What is remembered of a channel: its newest videos, of each a few observations.

An *entry* is a video and a time of publication: a publication that moved begins a new one. Which
entries and which observations stay is a choice of minima and maxima of things that never change
(`published_at`, `at`, the counts), so choosing again among what was chosen before and what came
since gives the same as choosing once among everything: how the log was cut does not matter.

Observations expire with the log's time, not with a clock: an event that the log received at T takes
away what the log received before [`last_expired`][schemas.expiries.last_expired] of T. Callers
hand over events for which that is the same instant.
"""

from __future__ import annotations

import polars as pl

from streams.virality.moments import HISTORY_VIDEOS
from streams.virality.moments_of.observations import thinned

ENTRY = ("_channel", "video_id", "published_at")
COUNTS = ("views", "likes", "comments")

_PLACE = "_entry"


def entries(channels: pl.DataFrame) -> pl.DataFrame:
    """The entries of channels, one a row.

    Args:
        channels: `_channel` and `videos`, the list of ObservedVideo.

    Returns:
        `ENTRY`, category, duration_s, observed (list of ObservedCounts).
    """
    return (
        channels.select("_channel", "videos")
        .filter(pl.col("videos").list.len() > 0)
        .explode("videos")
        .unnest("videos")
    )


def unexpired(known: pl.DataFrame, horizon: pl.DataFrame) -> pl.DataFrame:
    """The entries without observations that have expired; those with none left are gone.

    Args:
        known: entries.
        horizon: `_channel` and `_before`: what the log received earlier goes; null keeps all.
    """
    stored = pl.col("observed").list.eval(pl.element().struct.field("stored_at"))
    marked = known.join(horizon, on="_channel", how="left", maintain_order="left")
    old = (stored.list.min() < pl.col("_before")).fill_null(value=False)
    stale = marked.filter(old)
    if stale.is_empty():
        return known
    left = (
        stale.explode("observed")
        .filter(pl.col("observed").struct.field("stored_at") >= pl.col("_before"))
        .group_by(*ENTRY, "category", "duration_s", maintain_order=True)
        .agg("observed")
    )
    return pl.concat([marked.filter(~old).select(known.columns), left.select(known.columns)])


def observations(snapshots: pl.DataFrame) -> pl.DataFrame:
    """The snapshots that say how many views there are, as observations of entries.

    Args:
        snapshots: events with `_channel`, in the order of the log.

    Returns:
        `ENTRY`, category, duration_s, at, views, likes, comments (Int64), stored_at, `_offset`.
    """
    return snapshots.filter(pl.col("views") >= 0).select(
        *ENTRY,
        "category",
        pl.col("duration_s").cast(pl.Int64),
        pl.col("occurred_at").alias("at"),
        *(pl.when(pl.col(name) >= 0).then(pl.col(name)).alias(name) for name in COUNTS),
        pl.col("_timestamp").alias("stored_at"),
        "_offset",
    )


def remembered(known: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The entries after some observations, however many there are of a channel.

    Args:
        known: entries before.
        new: what [`observations`][streams.virality.forecasts.memory.observations] gave.
    """
    touched = new.select(ENTRY).unique(maintain_order=True).with_row_index(_PLACE)
    before = known.join(touched, on=ENTRY, how="inner", maintain_order="right")
    placed = new.join(touched, on=ENTRY, how="left", maintain_order="left")
    return pl.concat(
        [
            known.join(touched, on=ENTRY, how="anti", maintain_order="left"),
            touched.join(_said(before, placed), on=_PLACE, how="left", maintain_order="left")
            .join(_kept(before, placed), on=_PLACE, how="left", maintain_order="left")
            .select(known.columns),
        ]
    )


def newest(known: pl.DataFrame) -> pl.DataFrame:
    """The entries that stay of each channel, ordered by channel, time of publication and id."""
    ordered = known.sort(ENTRY[0], "published_at", "video_id")
    behind = pl.int_range(pl.len(), 0, -1).over("_channel")
    return ordered.filter(behind <= HISTORY_VIDEOS)


def packed(known: pl.DataFrame) -> pl.DataFrame:
    """`_channel` and `videos` of the channels that have entries.

    Args:
        known: entries, ordered by channel.
    """
    fields = ("video_id", "published_at", "category", "duration_s", "observed")
    return known.group_by("_channel", maintain_order=True).agg(pl.struct(fields).alias("videos"))


def _said(before: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """Category and duration of the touched entries: as last said in the log."""
    return (
        pl.concat(
            [before.select(_PLACE, "category", "duration_s"),
             placed.select(_PLACE, "category", "duration_s")]
        )
        .group_by(_PLACE, maintain_order=True)
        .agg(pl.col("category", "duration_s").drop_nulls().last())
    )  # fmt: skip


def _kept(before: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """`observed` of the touched entries: thinned, oldest first."""
    fields = ("at", *COUNTS, "stored_at")
    old = before.select(_PLACE, "published_at", "observed").explode("observed").unnest("observed")
    together = pl.concat(
        [
            old.select(_PLACE, "published_at", *fields),
            placed.select(_PLACE, "published_at", *fields),
        ]
    )
    # The same counts of the same instant, received twice: kept for as long as the newer is.
    once = together.sort(_PLACE, *fields, nulls_last=False).unique(
        [_PLACE, "at"], keep="last", maintain_order=True
    )
    return (
        thinned(once, by=_PLACE)
        .group_by(_PLACE, maintain_order=True)
        .agg(pl.struct(fields).alias("observed"))
    )
