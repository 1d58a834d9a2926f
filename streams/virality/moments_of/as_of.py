"""Moments out of tables, as of any instant: what training reads the log with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.avro_types import TIMESTAMP
from streams.virality.moments import HISTORY_VIDEOS, MOMENT
from streams.virality.moments_of.observations import thinned
from streams.virality.moments_of.text import described

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_WINDOW = 64  # earlier videos looked at in one go; a few of them may not be observed yet

_COUNTS = ("views", "likes", "comments")
_KNOWN_OF_A_VIDEO = (
    "title", "description_length", "links", "tags", "tag_count",
    "category", "language", "duration_s",
)  # fmt: skip


class AsOf:
    """Videos and their observations, ready to be asked what was known at an instant.

    Looking up is by binary search, so asking costs the same wherever the instant lies; nothing
    later than the instant is ever gathered.
    """

    def __init__(self, videos: pl.DataFrame, observations: pl.DataFrame) -> None:
        """Order the tables.

        Args:
            videos: one row each: `video_id`, `published_at` and whichever of `channel_id`, `title`,
                `description` (or `description_length`, `links`), `tags`, `tag_count`, `category`,
                `language`, `duration_s` are known. Of a repeated video the last row counts.
            observations: `video_id`, `at`, `views` and, where known, `likes` and `comments`;
                negative counts are none. Those of videos that are not given are left out.
        """
        self._videos = _ordered_videos(videos)
        channel = self._videos["_channel"].to_numpy()
        published = self._videos["published_at"].to_physical().to_numpy()
        self._channel, self._published = channel, published
        self._start = np.searchsorted(channel, channel)
        self._published_times = np.unique(published)
        self._place = channel * (self._published_times.size + 1) + 1
        self._place += np.searchsorted(self._published_times, published)
        self._observations = _ordered_observations(observations, self._videos)
        known = self._observations.filter(pl.col("views").is_not_null())
        self._views = known["views"].to_numpy()
        self._at = known["at"].to_physical().to_numpy()
        self._times = np.unique(self._at)
        self._seen = known["_video"].to_numpy() * (self._times.size + 1) + 1
        self._seen += np.searchsorted(self._times, self._at)
        self._first = np.searchsorted(
            known["_video"].to_numpy(), np.arange(self._videos.height), side="left"
        )

    def moments(self, asked: pl.DataFrame) -> pl.DataFrame:
        """What was known of the videos at the instants.

        Args:
            asked: `video_id` and `at` (UTC), one row per moment; videos that were not given are
                an error of the caller and raise KeyError.

        Returns:
            Moments, `MOMENT`, in the order asked.
        """
        rows = asked.select("video_id", pl.col("at").cast(TIMESTAMP)).join(
            self._videos, on="video_id", how="left", maintain_order="left"
        )
        if rows["_video"].null_count():
            unknown = rows.filter(pl.col("_video").is_null())["video_id"][0]
            raise KeyError(f"a moment of the video {unknown!r} is asked for, which is not known")
        rows = rows.with_row_index("_moment")
        return (
            rows.join(self._history(rows), on="_moment", how="left", maintain_order="left")
            .join(self._observed(rows), on="_moment", how="left", maintain_order="left")
            .with_columns(pl.col("history", "observed").fill_null([]))
            .select(pl.col(name).cast(dtype) for name, dtype in MOMENT.items())
        )

    def _history(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`_moment` and `history` of the moments that have one."""
        moment, video = self._earlier(rows)
        at = rows["at"].to_physical().to_numpy()[moment]
        last, first = self._last_seen(video, at), self._first[video]
        order = np.lexsort((video, moment))
        moment, video, last, first = moment[order], video[order], last[order], first[order]
        earlier = self._videos.select("video_id", "published_at", "category", "duration_s")[video]
        return (
            earlier.with_columns(
                _moment=pl.Series(moment, dtype=pl.UInt32),
                views=pl.Series(self._views[last]),
                observed_at=pl.Series(self._at[last]).cast(TIMESTAMP),
                first_views=pl.Series(self._views[first]),
                first_observed_at=pl.Series(self._at[first]).cast(TIMESTAMP),
            )
            .group_by("_moment", maintain_order=True)
            .agg(pl.struct(pl.exclude("_moment")).alias("history"))
        )

    def _earlier(self, rows: pl.DataFrame) -> tuple[Integers, Integers]:
        """Pairs (moment, index of an earlier video) of all moments."""
        own = rows["_video"].to_numpy()
        at = rows["at"].to_physical().to_numpy()
        top = self._newest(own, at)
        taken = np.zeros(own.size, dtype=np.int64)
        pairs: list[tuple[Integers, Integers]] = []
        open_ = np.flatnonzero(
            (top >= self._start[own]) & rows["channel_id"].is_not_null().to_numpy()
        )
        while open_.size:
            place = top[open_, None] - np.arange(_WINDOW)
            inside = place >= self._start[own[open_], None]
            place = np.maximum(place, 0)
            seen = inside & self._seen_by(place, at[open_, None])
            number = taken[open_, None] + np.cumsum(seen, axis=1)
            looked_at = seen & (number <= HISTORY_VIDEOS)
            looked_at &= self._published[place] < self._published[own[open_], None]
            row, column = np.nonzero(looked_at)
            pairs.append((open_[row], place[row, column]))
            taken[open_] = number[:, -1]
            top[open_] -= _WINDOW
            open_ = open_[
                (number[:, -1] < HISTORY_VIDEOS) & (top[open_] >= self._start[own[open_]])
            ]
        if not pairs:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate([m for m, _ in pairs]), np.concatenate([v for _, v in pairs])

    def _newest(self, own: Integers, at: Integers) -> Integers:
        """Index of the channel's newest video published at or before the instant."""
        number = np.searchsorted(self._published_times, at, side="right")
        key = self._channel[own] * (self._published_times.size + 1) + number
        return np.searchsorted(self._place, key, side="right") - 1

    def _seen_by(self, video: Integers, at: Integers) -> Flags:
        """Whether views of the videos had been observed by then."""
        if not self._at.size:
            return np.zeros(video.shape, dtype=np.bool_)
        first = np.minimum(self._first[video], self._at.size - 1)
        mine: Flags = self._seen[first] // (self._times.size + 1) == video
        return mine & (self._at[first] <= at)

    def _last_seen(self, video: Integers, at: Integers) -> Integers:
        """Index of the newest observation with views of each video at or before the instant."""
        key = video * (self._times.size + 1) + np.searchsorted(self._times, at, side="right")
        return np.searchsorted(self._seen, key, side="right") - 1

    def _observed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`_moment` and `observed` of the moments that have one."""
        pairs = (
            rows.select("_moment", "_video", "published_at", pl.col("at").alias("_now"))
            .join(self._observations, on="_video")
            .filter(pl.col("at") <= pl.col("_now"))
        )
        return (
            thinned(pairs, by="_moment")
            .group_by("_moment", maintain_order=True)
            .agg(pl.struct("at", *_COUNTS).alias("observed"))
        )


def _ordered_videos(videos: pl.DataFrame) -> pl.DataFrame:
    """Videos by channel and time, with `_video`, their index, and `_channel`, a number."""
    known = videos.unique("video_id", keep="last", maintain_order=True).with_columns(
        pl.col("published_at").cast(TIMESTAMP), *described(videos.columns)
    )
    absent = [
        pl.lit(None, MOMENT[name]).alias(name)
        for name in ("channel_id", *_KNOWN_OF_A_VIDEO)
        if name not in known.columns
    ]
    return (
        known.with_columns(absent)
        .with_columns(
            pl.col("title").fill_null(""),
            tag_count=pl.coalesce("tag_count", pl.col("tags").list.len().cast(pl.Int64)),
        )
        .select(
            "video_id",
            "published_at",
            *(pl.col(name).cast(MOMENT[name]) for name in ("channel_id", *_KNOWN_OF_A_VIDEO)),
        )
        .sort("channel_id", "published_at", "video_id")
        .with_columns(
            _channel=pl.col("channel_id").rank("dense").fill_null(0).cast(pl.Int64),
            _video=pl.int_range(pl.len(), dtype=pl.Int64),
        )
    )


def _ordered_observations(observations: pl.DataFrame, videos: pl.DataFrame) -> pl.DataFrame:
    """Observations by video and time, one an instant, with `_video`, the index of theirs."""
    absent = [
        pl.lit(None, pl.Int64).alias(name) for name in _COUNTS if name not in observations.columns
    ]
    return (
        observations.with_columns(absent)
        .select(
            "video_id",
            pl.col("at").cast(TIMESTAMP),
            *(
                pl.when(pl.col(name) >= 0).then(pl.col(name)).cast(pl.Int64).alias(name)
                for name in _COUNTS
            ),
        )
        .join(videos.select("video_id", "_video"), on="video_id")
        .drop("video_id")
        .sort("_video", "at", *_COUNTS)
        .unique(["_video", "at"], keep="last", maintain_order=True)
    )
