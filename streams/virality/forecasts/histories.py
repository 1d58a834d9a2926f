"""What was known of a channel's other videos when a snapshot was read.

A moment of a video is made at an event, from nothing that comes behind it in the log: so it is the
same whatever else is in the chunk. Of entries that the chunk does not touch the memory says how
they stand; of the others every observation of the chunk makes a new state, and the last one up to
the event counts.
"""

from __future__ import annotations

import polars as pl

from streams.virality.forecasts.memory import COUNTS, ENTRY
from streams.virality.moments import EARLIER_VIDEO, HISTORY_VIDEOS

_FIELDS = [field.name for field in EARLIER_VIDEO.fields]
_LAST = ("views", "observed_at")
_FIRST = ("first_views", "first_observed_at")
_SAID = ("category", "duration_s")

# States of videos that are looked at in one go: it bounds the memory that a chunk takes.
_AT_ONCE = 2_000_000


def histories(targets: pl.DataFrame, known: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Earlier videos of the channel, as of each target.

    Args:
        targets: `_target`, `_channel`, video_id, published_at and `_offset`, the event it is at.
        known: entries before the chunk.
        new: observations of the chunk.

    Returns:
        `_target` and `history` (List of EARLIER_VIDEO, oldest first) of the targets that are among
        the newest videos of their channel: the others are not remembered.
    """
    states = _states(known, new)
    parts = [_as_of(part, states) for part in _parts(targets, states)]
    return pl.concat(parts)


def _parts(targets: pl.DataFrame, states: pl.DataFrame) -> list[pl.DataFrame]:
    """The targets, so many at once that not too many states of other videos are looked at."""
    sizes = states.group_by("_channel").len("_states")
    looked_at = targets.join(sizes, on="_channel", how="left", maintain_order="left")
    part = looked_at["_states"].fill_null(0).cum_sum() // _AT_ONCE
    return targets.with_columns(part.alias("_part")).partition_by("_part", include_key=False)


def _as_of(targets: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    own = targets.select(
        "_target",
        "_channel",
        pl.col("_offset").alias("_at"),
        pl.col("video_id").alias("_video"),
        pl.col("published_at").alias("_published"),
    )
    # An entry has a state for each of its snapshots in the chunk: the newest up to the event.
    then = (
        own.join(states, on="_channel")
        .filter(pl.col("_offset") <= pl.col("_at"))
        .sort("_target", "published_at", "video_id", "_offset")
        .unique(["_target", "published_at", "video_id"], keep="last", maintain_order=True)
        .with_columns(pl.int_range(pl.len(), 0, -1).over("_target").alias("_behind"))
    )
    later = (pl.col("published_at") > pl.col("_published")) | (
        (pl.col("published_at") == pl.col("_published")) & (pl.col("video_id") > pl.col("_video"))
    )
    earlier = (
        (pl.col("_behind") <= HISTORY_VIDEOS)
        & (pl.col("published_at") < pl.col("_published"))
        & (pl.col("video_id") != pl.col("_video"))
    )
    found = then.group_by("_target", maintain_order=True).agg(
        later.sum().alias("_later"), pl.struct(_FIELDS).filter(earlier).alias("history")
    )
    return (
        own.select("_target")
        .join(found, on="_target", how="left", maintain_order="left")
        .filter(pl.col("_later").fill_null(0) < HISTORY_VIDEOS)
        .select("_target", pl.col("history").fill_null(pl.lit([], pl.List(EARLIER_VIDEO))))
    )


def _states(known: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Every state that an entry has in the chunk; `_offset` is since when, -1 from before it."""
    before = known.select(
        *ENTRY,
        *_SAID,
        pl.col("observed").list.last().struct.field("views"),
        pl.col("observed").list.last().struct.field("at").alias("observed_at"),
        pl.col("observed").list.first().struct.field("views").alias("first_views"),
        pl.col("observed").list.first().struct.field("at").alias("first_observed_at"),
        pl.lit(-1, pl.Int64).alias("_offset"),
    )
    if new.is_empty():
        return before
    return pl.concat([before, _moved(before, new).select(before.columns)])


def _moved(before: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The state of an entry after each of its observations."""
    touched = new.select(ENTRY).unique()
    both = ("likes", "comments")
    flat = pl.concat(
        [
            before.join(touched, on=ENTRY, how="semi")
            .with_columns(pl.lit(None, pl.Int64).alias(name) for name in both)
            .select(*ENTRY, "_offset", *_SAID, *COUNTS, *_LAST[1:], *_FIRST),
            new.select(
                *ENTRY,
                "_offset",
                *_SAID,
                *COUNTS,
                pl.col("at").alias("observed_at"),
                pl.col("views").alias("first_views"),
                pl.col("at").alias("first_observed_at"),
            ),
        ]
    ).sort(*ENTRY, "_offset")
    # Places in the order of time; of one instant the most views count, as in thinning.
    last = flat.select(_LAST[::-1]).unique().sort(_LAST[::-1]).with_row_index("_last")
    first = (
        flat.select(_FIRST[::-1])
        .unique()
        .sort(_FIRST[::-1], descending=[False, True])
        .with_row_index("_first")
    )
    reached = (
        flat.join(last, on=_LAST, how="left", maintain_order="left")
        .join(first, on=_FIRST, how="left", maintain_order="left")
        .select(
            *ENTRY,
            "_offset",
            pl.col("_last").cum_max().over(ENTRY),
            pl.col("_first").cum_min().over(ENTRY),
            *(pl.col(name).forward_fill().over(ENTRY) for name in _SAID),
        )
        .filter(pl.col("_offset") >= 0)
    )
    return reached.join(last, on="_last").join(first, on="_first")
