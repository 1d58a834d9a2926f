"""Recorded videos as the Data API would have shown them: tables of daily charts and channels.

At each moment a video has the counts that were last seen before it, so that a client whose clock
is set back (`POST /_local/clock`) lives through the record.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from infra.youtube_local.search import Index, arranged, words
from infra.youtube_local.world import Channel, Counts, Live, Query, Video, within

VIDEOS = "trending_videos.parquet"
SNAPSHOTS = "trending_snapshots.parquet"
MONTHLY = "channel_videos_monthly.parquet"  # may be absent: videos of whole channels, with lengths
SUBSCRIBERS = "channel_daily_subs.parquet"  # may be absent: then subscribers are hidden

_MOST_FOUND = 500
_UTC = pl.Datetime("us", "UTC")


class ChartsError(Exception):
    """The directory has not the tables that are needed; the message says which."""


@dataclass(frozen=True, slots=True)
class _Subscribers:
    times: list[str]
    counts: list[int]


class ChartsWorld:
    """The channels and videos of a directory.

    Args:
        directory: has `trending_videos.parquet` (video_id, channel_id, channel_title, title String;
            published_at Datetime(us, UTC); category_id Int64; lang, live, tags String, tags with
            `|` between) and `trending_snapshots.parquet` (video_id String; captured_at
            Datetime(us), UTC; views, likes, comments Int64, null where hidden). Where it also has
            them, `channel_videos_monthly.parquet` and `channel_daily_subs.parquet`.

    Raises:
        ChartsError: one of the two is absent or has other columns.
    """

    def __init__(self, directory: Path) -> None:
        for name in (VIDEOS, SNAPSHOTS):
            if not (directory / name).is_file():
                raise ChartsError(
                    f"{directory} has no {name}: give a directory with {VIDEOS} and {SNAPSHOTS}"
                )
        try:
            videos, snapshots = _recorded(directory)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise ChartsError(
                f"the tables in {directory} cannot be read: {' '.join(str(error).split())}"
            ) from None
        self._videos = videos.sort("channel_id", "published_at", "video_id", descending=True)
        rows = self._videos.select("video_id").with_row_index("row")
        seen = snapshots.join(rows, on="video_id").sort("row", "at")
        self._at = seen["at"].dt.epoch("us").to_numpy()
        self._bounds = np.searchsorted(seen["row"].to_numpy(), np.arange(rows.height + 1))
        self._counts = {name: seen[name] for name in ("views", "likes", "comments")}
        self._row = dict(zip(rows["video_id"], rows["row"], strict=True))
        channels = self._videos.group_by("channel_id", maintain_order=True).agg(
            pl.len(),
            pl.col("channel_title").first(),
            pl.col("published_at").min().alias("first"),
        )
        ends = channels["len"].cum_sum().to_list()
        self._spans = {
            channel: (end - length, end)
            for channel, length, end in zip(
                channels["channel_id"], channels["len"], ends, strict=True
            )
        }
        self._titles = dict(zip(channels["channel_id"], channels["channel_title"], strict=True))
        self._first = dict(zip(channels["channel_id"], channels["first"], strict=True))
        self._subscribers = _subscribers(directory / SUBSCRIBERS)

    def channels(self, channel_ids: Sequence[str], now: dt.datetime) -> list[Channel]:
        """Those that had a video by now."""
        known = (one for one in sorted(set(channel_ids)) if one in self._spans)
        return [self._channel(one, now) for one in known if self._first[one] <= now]

    def counts(self, channel_id: str, now: dt.datetime) -> Counts:
        """Of its recorded videos: a channel has others that never charted."""
        rows = self._rows(channel_id, now)
        views = (self._seen(row, now)[0] for row in rows)
        return Counts(sum(view or 0 for view in views), len(rows))

    def channel_of_handle(self, handle: str, now: dt.datetime) -> Channel | None:
        """None: handles were not recorded."""
        return None

    def uploads(
        self, channel_id: str, now: dt.datetime, offset: int, limit: int
    ) -> tuple[int, list[Video]]:
        """Newest first."""
        if channel_id not in self._spans:
            return 0, []
        rows = self._rows(channel_id, now)
        return len(rows), [self._video(row, now) for row in rows[offset : offset + limit]]

    def videos(self, video_ids: Sequence[str], now: dt.datetime) -> list[Video]:
        """Those that were published by now."""
        rows = (self._row.get(video_id) for video_id in video_ids)
        found = (self._video(row, now) for row in rows if row is not None)
        return [video for video in found if video.published_at <= now]

    def search_channels(self, query: Query, now: dt.datetime) -> list[Channel]:
        """By the words of their names."""
        ids = list(self._titles)
        hits = self._names.find(query.text) if query.text else [(at, 0.0) for at in range(len(ids))]
        found = [
            channel
            for channel in self.channels([ids[at] for at, _ in hits], now)
            if within(channel.published_at, query)
            and query.channel_id in (None, channel.channel_id)
        ]
        rank = {ids[at]: place for place, (at, _) in enumerate(hits)}
        found.sort(key=lambda channel: rank[channel.channel_id])
        return (arranged(found, query.order) if query.order in ("date", "title") else found)[
            :_MOST_FOUND
        ]

    def search_videos(self, query: Query, now: dt.datetime) -> list[Video]:
        """By the words of their titles."""
        # A scan: an index of all titles would take longer to make than many searches.
        title = self._lowered
        matched = [title.str.contains(word, literal=True) for word in words(query.text)]
        scores = np.sum([one.to_numpy() for one in matched], axis=0, initial=0)
        scores = np.broadcast_to(scores, len(title))
        rows = np.nonzero(scores >= (len(matched) + 1) // 2)[0]
        if query.channel_id is not None:
            first, end = self._spans.get(query.channel_id, (0, 0))
            rows = rows[(rows >= first) & (rows < end)]
        found: list[Video] = []
        for row in rows[np.argsort(-scores[rows], kind="stable")]:
            moment = self._videos["published_at"][int(row)]
            if moment <= now and within(moment, query):
                found.append(self._video(int(row), now))
                if len(found) == _MOST_FOUND:
                    break
        return found if query.order in ("relevance", "rating") else arranged(found, query.order)

    @cached_property
    def _names(self) -> Index:
        return Index(enumerate(self._titles.values()))

    @cached_property
    def _lowered(self) -> pl.Series:
        return self._videos["title"].fill_null("").str.to_lowercase()

    @cached_property
    def _published(self) -> np.ndarray:
        return self._videos["published_at"].dt.epoch("us").to_numpy()

    def _rows(self, channel_id: str, now: dt.datetime) -> list[int]:
        first, end = self._spans[channel_id]
        there = self._published[first:end] <= now.timestamp() * 1e6
        return [first + int(at) for at in np.nonzero(there)[0]]

    def _seen(self, row: int, now: dt.datetime) -> tuple[int | None, int | None, int | None]:
        """Views, likes, comments as last seen; of the first look where there was none before."""
        first, end = int(self._bounds[row]), int(self._bounds[row + 1])
        if first == end:
            return None, None, None
        found = int(np.searchsorted(self._at[first:end], now.timestamp() * 1e6, "right"))
        at = first + max(0, found - 1)
        views, likes, comments = (self._counts[name][at] for name in ("views", "likes", "comments"))
        return views, likes, comments

    def _channel(self, channel_id: str, now: dt.datetime) -> Channel:
        known = self._subscribers.get(channel_id)
        subscribers = None
        if known is not None:
            day = now.date().isoformat()
            earlier = [c for at, c in zip(known.times, known.counts, strict=True) if at <= day]
            subscribers = earlier[-1] if earlier else known.counts[0]
        return Channel(
            channel_id=channel_id,
            title=self._titles[channel_id] or "",
            description="",
            handle=None,
            country=None,
            language=None,
            published_at=self._first[channel_id],
            subscribers=subscribers or 0,
            hidden=subscribers is None,
            topics=(),
        )

    def _video(self, row: int, now: dt.datetime) -> Video:
        known = self._videos.row(row, named=True)
        views, likes, comments = self._seen(row, now)
        live: Live = known["live"] if known["live"] in ("live", "upcoming") else "none"
        return Video(
            video_id=known["video_id"],
            channel_id=known["channel_id"],
            channel_title=known["channel_title"] or "",
            title=known["title"] or "",
            description="",
            tags=tuple(tag for tag in (known["tags"] or "").split("|") if tag),
            language=known["lang"],
            published_at=known["published_at"],
            starts_at=None,
            duration_s=known["duration_s"],
            category=str(known["category_id"] or 24),
            topics=(),
            views=views,
            likes=likes,
            comments=comments,
            live=live,
            status="public",
        )


def _recorded(directory: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Videos, one row each, and what was seen of them and when (`at`)."""
    videos = pl.read_parquet(directory / VIDEOS).select(
        "video_id", "channel_id", "channel_title", "title",
        pl.col("published_at").cast(_UTC), "category_id", "lang", "live", "tags",
        pl.lit(None, dtype=pl.Int64).alias("duration_s"),
    )  # fmt: skip
    seen = pl.col("views", "likes", "comments")
    snapshots = pl.read_parquet(directory / SNAPSHOTS).select(
        "video_id", pl.col("captured_at").dt.replace_time_zone("UTC").cast(_UTC).alias("at"), seen
    )
    if (directory / MONTHLY).is_file():
        monthly = _monthly(directory / MONTHLY)
        videos = pl.concat([monthly.select(videos.columns), videos])
        snapshots = pl.concat([snapshots, monthly.select(snapshots.columns)])
    # A video of both has its length from the monthly table, which comes first.
    known = videos.drop_nulls(["video_id", "channel_id", "published_at"])
    return known.unique("video_id", keep="first", maintain_order=True), snapshots


def _monthly(path: Path) -> pl.DataFrame:
    duration = pl.col("duration_iso8601")
    pattern = r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$"
    seconds = sum(
        (
            duration.str.extract(pattern, group).cast(pl.Int64).fill_null(0) * unit
            for group, unit in ((1, 86_400), (2, 3600), (3, 60), (4, 1))
        ),
        start=pl.lit(0, dtype=pl.Int64),
    )
    return pl.read_parquet(path).select(
        "video_id", "channel_id", "channel_title", "title",
        pl.col("published_at").str.to_datetime(time_zone="UTC").cast(_UTC),
        "category_id",
        pl.lit(None, dtype=pl.String).alias("lang"),
        pl.lit("none").alias("live"),
        pl.lit(None, dtype=pl.String).alias("tags"),
        seconds.alias("duration_s"),
        pl.col("snapshot_utc").str.to_datetime(time_zone="UTC").cast(_UTC).alias("at"),
        pl.col("view_count").alias("views"),
        pl.col("like_count").alias("likes"),
        pl.col("comment_count").alias("comments"),
    )  # fmt: skip


def _subscribers(path: Path) -> dict[str, _Subscribers]:
    if not path.is_file():
        return {}
    found = (
        pl.read_parquet(path)
        .drop_nulls("subscribers")
        .sort("date_utc")
        .group_by("channel_id")
        .agg(pl.col("date_utc").cast(pl.String), "subscribers")
    )
    return {
        channel: _Subscribers(times, counts)
        for channel, times, counts in found.select(
            "channel_id", "date_utc", "subscribers"
        ).iter_rows()
    }
