"""A platform made up from a seed: thousands of channels, none of them kept in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from infra.youtube_local.directory import Directory
from infra.youtube_local.draws import Draws
from infra.youtube_local.ids import Ids
from infra.youtube_local.plan import make_plan, microseconds, moment
from infra.youtube_local.screen import Screen
from infra.youtube_local.search import Found, Index, arranged
from infra.youtube_local.uploads import Uploads, count
from infra.youtube_local.world import Channel, Counts, Query, Video, within

CHANNELS = 4000
_MOST_FOUND = 500  # a search gives no more, however many match
_SEARCHED_CHANNELS = 100  # whose newest uploads a search for videos looks through
_SEARCHED_UPLOADS = 20  # of each


@dataclass(frozen=True, slots=True)
class Planted:
    """A video that a detector should find.

    Attributes:
        multiple: its views over what is usual for its channel and format, in the long run.
    """

    video_id: str
    channel_id: str
    multiple: float
    published_at: dt.datetime


class SimulatedWorld:
    """Channels and videos of a seed; the same for the same seed, number and moment."""

    def __init__(self, seed: int = 1, channels: int = CHANNELS) -> None:
        self._draws = Draws(seed)
        self._ids = Ids(self._draws)
        self.plan = make_plan(self._draws, channels)
        self._directory = Directory(self._draws, self.plan, self._ids)
        self._screen = Screen(self._draws, self._directory, self._ids)
        self._videos_of = lru_cache(maxsize=256)(self._all_uploads)

    # What is asked for over the network.

    def channels(self, channel_ids: Sequence[str], now: dt.datetime) -> list[Channel]:
        """Those that exist, by their ids."""
        found = (self._index(channel_id) for channel_id in sorted(set(channel_ids)))
        return [self._directory.channel(index, now) for index in found if index is not None]

    def counts(self, channel_id: str, now: dt.datetime) -> Counts:
        """Of all its uploads by now."""
        uploads = self._uploads_of(channel_id, now)
        return Counts(int(uploads.views(now).sum()), int((uploads.status == 0).sum()))

    def channel_of_handle(self, handle: str, now: dt.datetime) -> Channel | None:
        """By its handle."""
        index = self._directory.by_handle.get(handle.removeprefix("@").casefold())
        return None if index is None else self._directory.channel(index, now)

    def uploads(
        self, channel_id: str, now: dt.datetime, offset: int, limit: int
    ) -> tuple[int, list[Video]]:
        """Newest first."""
        index = self._index(channel_id)
        if index is None:
            return 0, []
        total = self.count(index, now)
        first = max(0, total - offset - limit)
        numbers = np.arange(max(0, total - offset) - 1, first - 1, -1)
        return total, self._screen.videos(np.full(len(numbers), index), numbers, now)

    def videos(self, video_ids: Sequence[str], now: dt.datetime) -> list[Video]:
        """Those that are published by now."""
        given = [self._ids.upload(video_id) for video_id in video_ids]
        there = [
            at for at in given if at and at[0] < len(self.plan) and at[1] < self.count(at[0], now)
        ]
        if not there:
            return []
        channel, number = np.array(there, dtype=np.int64).T
        return self._screen.videos(channel, number, now)

    def search_channels(self, query: Query, now: dt.datetime) -> list[Channel]:
        """By the words of their names and descriptions."""
        if query.channel_id is not None:
            index = self._index(query.channel_id)
            found_by_text = not query.text or index in dict(self._directory.words.find(query.text))
            return self.channels([query.channel_id], now) if found_by_text else []
        hits = self._directory.words.find(query.text) if query.text else self._everybody
        found = [
            Found(self._directory.published(index), score, index)
            for index, score in hits
            if within(self._directory.published(index), query)
        ]
        best = sorted(found, key=lambda hit: (-hit.score, hit.item))[:_MOST_FOUND]
        if query.order in ("viewCount", "videoCount"):
            popular = self.plan.usual / self.plan.interval
            rank = popular if query.order == "viewCount" else 1 / self.plan.interval
            best.sort(key=lambda hit: -rank[hit.item])
        channels = [self._directory.channel(hit.item, now) for hit in best]
        return arranged(channels, query.order) if query.order in ("date", "title") else channels

    def search_videos(self, query: Query, now: dt.datetime) -> list[Video]:
        """By the words of their titles; unless a channel is named, among the newest uploads."""
        if query.channel_id is not None:
            index = self._index(query.channel_id)
            videos = [] if index is None else self._of_channel(index, query, now)
        else:
            channels = self._directory.words.find(query.text) if query.text else self._everybody
            videos = [
                video
                for index, _ in channels[:_SEARCHED_CHANNELS]
                for video in self._newest(index, _SEARCHED_UPLOADS, now)
            ]
        wanted = [v for v in videos if v.status == "public" and within(v.published_at, query)]
        if query.text:
            words = Index((at, video.title) for at, video in enumerate(wanted))
            wanted = [wanted[at] for at, _ in words.find(query.text)]
        if query.order not in ("relevance", "rating"):
            wanted = arranged(wanted, query.order)
        return wanted[:_MOST_FOUND]

    # What tests may know besides.

    def channel_ids(self) -> list[str]:
        """All of them, in the order of their numbers."""
        return [self._ids.channel(index) for index in range(len(self.plan))]

    def planted(self, channel_id: str, now: dt.datetime) -> list[Planted]:
        """The public outliers that a channel has by now, in the order of publication.

        Raises:
            KeyError: there is no such channel.
        """
        uploads = self._uploads_of(channel_id, now)
        there = ~np.isnan(uploads.multiple) & (uploads.status == 0)
        return [
            Planted(
                self._ids.video(int(uploads.channel[at]), int(uploads.number[at])),
                channel_id,
                float(uploads.multiple[at]),
                moment(uploads.published[at]),
            )
            for at in np.nonzero(there)[0]
        ]

    def shift(self, channel_id: str, now: dt.datetime) -> tuple[dt.datetime, float] | None:
        """Since when the channel's usual views are changed, and how many times what they were.

        Raises:
            KeyError: there is no such channel.
        """
        uploads = self._uploads_of(channel_id, now)
        index = int(self._required(channel_id))
        at = int(self.plan.shift_at[index])
        if at < 0 or at >= len(uploads.number):
            return None
        return moment(uploads.published[at]), float(self.plan.shift[index])

    def count(self, index: int, now: dt.datetime) -> int:
        """How many uploads the channel of this number has, private and deleted ones too."""
        return count(self._draws, self.plan, index, now)

    # How they are made.

    def _required(self, channel_id: str) -> int:
        index = self._index(channel_id)
        if index is None:
            raise KeyError(channel_id)
        return index

    def _index(self, channel_id: str) -> int | None:
        index = self._ids.index(channel_id)
        return index if index is not None and index < len(self.plan) else None

    def _uploads_of(self, channel_id: str, now: dt.datetime) -> Uploads:
        index = self._required(channel_id)
        return self._videos_of(index, self.count(index, now))

    def _all_uploads(self, index: int, total: int) -> Uploads:
        return Uploads(self._draws, self.plan, np.full(total, index), np.arange(total))

    @cached_property
    def _everybody(self) -> list[tuple[int, float]]:
        return [(index, 0.0) for index in range(len(self.plan))]

    def _newest(self, index: int, limit: int, now: dt.datetime) -> list[Video]:
        return self.uploads(self._ids.channel(index), now, 0, limit)[1]

    def _of_channel(self, index: int, query: Query, now: dt.datetime) -> list[Video]:
        uploads = self._videos_of(index, self.count(index, now))
        wanted = np.ones(len(uploads.number), dtype=bool)
        if query.after is not None:
            wanted &= uploads.published >= microseconds(query.after)
        if query.before is not None:
            wanted &= uploads.published < microseconds(query.before)
        numbers = uploads.number[wanted][::-1]
        return self._screen.videos(np.full(len(numbers), index), numbers, now)
