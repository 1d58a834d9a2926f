"""What was counted of videos of which predictions are open."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from streams.virality.actuals.horizon import Count
from streams.virality.actuals.pending import Due, Pending


class Sighting(NamedTuple):
    """A video's publication and counts, oldest first."""

    video_id: str
    published: dt.datetime
    counts: Sequence[Count]


Found = Iterator[tuple[Sighting, list[Due]]]


def of_channels(rows: pl.DataFrame, pending: Pending) -> Found:
    """What rows of `virality.channels.v1` say of videos with open predictions.

    A publication that moved is an entry of its own there; the one that was observed last counts.

    Args:
        rows: `channel_id` and `videos`.
    """
    names = rows.select(
        pl.col("videos").list.eval(pl.element().struct.field("video_id")).explode().unique()
    ).to_series()
    due = pending.of(names.drop_nulls().to_list())
    if not due:
        return
    videos = (
        rows.select("videos")
        .explode("videos")
        .drop_nulls()
        .unnest("videos")
        .filter(pl.col("video_id").is_in(list(due)))
        .sort(pl.col("observed").list.last().struct.field("at"))
    )
    newest = videos.unique("video_id", keep="last", maintain_order=True)
    for video, published, observed in newest.select(
        "video_id", "published_at", "observed"
    ).iter_rows():
        counts = [Count(one["at"], one["views"]) for one in observed]
        yield Sighting(video, published, counts), due[video]


class Scores:
    """Counts of viewers' own events, of videos with open predictions: the last before, and now.

    The one before is kept in memory alone. After a restart it may be missing, and the first count
    at or after the age has to be near enough (see `horizon`).
    """

    def __init__(self) -> None:
        self._before: defaultdict[str, list[Count]] = defaultdict(list)

    def of(
        self,
        rows: pl.DataFrame,
        pending: Pending,
        published: Callable[[Sequence[str]], Mapping[str, dt.datetime]],
    ) -> Found:
        """What rows of `virality.scores.v1` say of videos with open predictions.

        Args:
            rows: `video_id`, `as_of`, `views`, in the order of the log.
        """
        due = pending.of(rows["video_id"].unique().to_list())
        self._before = defaultdict(
            list, {video: counts for video, counts in self._before.items() if pending.of([video])}
        )
        if not due:
            return
        known = published(sorted(due))
        mine = rows.filter(pl.col("video_id").is_in(list(due))).sort("as_of", maintain_order=True)
        for (video,), counted in mine.group_by("video_id", maintain_order=True):
            counts = [
                *self._before[str(video)],
                *(Count(at, views) for at, views in counted.select("as_of", "views").iter_rows()),
            ]
            counts.sort()
            self._before[str(video)] = counts[-1:]
            if str(video) in known:
                yield Sighting(str(video), known[str(video)], counts), due[str(video)]
