"""A platform made up from a seed: thousands of channels, none of them kept in memory."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from infra.youtube_local.draws import Draws
from infra.youtube_local.ids import Ids
from infra.youtube_local.plan import DAY, EPOCH, make_plan, microseconds
from infra.youtube_local.search import Found, Index, arranged
from infra.youtube_local.texts import COUNTRIES, FLAVOURS, PEOPLE, SCRIPTS, TRENDS
from infra.youtube_local.uploads import (
    HIDDEN_LIKES,
    NO_COMMENTS,
    ON_AIR,
    Uploads,
    count,
)
from infra.youtube_local.world import Channel, Counts, Live, Query, Status, Video

CHANNELS = 4000
_MOST_FOUND = 500  # a search gives no more, however many match
_SEARCHED_CHANNELS = 100  # whose newest uploads a search for videos looks through
_SEARCHED_UPLOADS = 20  # of each
_STATUS: tuple[Status, ...] = ("public", "private", "deleted")
_NAMES = list(FLAVOURS)
_SCRIPTS = list(SCRIPTS)


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
        self._videos_of = lru_cache(maxsize=256)(self._all_uploads)

    # What is asked for over the network.

    def channels(self, channel_ids: Sequence[str], now: dt.datetime) -> list[Channel]:
        """Those that exist, by their ids."""
        found = (self._index(channel_id) for channel_id in sorted(set(channel_ids)))
        return [self._channel(index, now) for index in found if index is not None]

    def counts(self, channel_id: str, now: dt.datetime) -> Counts:
        """Of all its uploads by now."""
        uploads = self._uploads_of(channel_id, now)
        return Counts(int(uploads.views(now).sum()), int((uploads.status == 0).sum()))

    def channel_of_handle(self, handle: str, now: dt.datetime) -> Channel | None:
        """By its handle."""
        index = self._handles.get(handle.removeprefix("@").casefold())
        return None if index is None else self._channel(index, now)

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
        return total, self._videos(np.full(len(numbers), index), numbers, now)

    def videos(self, video_ids: Sequence[str], now: dt.datetime) -> list[Video]:
        """Those that are published by now."""
        given = [self._ids.upload(video_id) for video_id in video_ids]
        there = [
            at for at in given if at and at[0] < len(self.plan) and at[1] < self.count(at[0], now)
        ]
        if not there:
            return []
        channel, number = np.array(there, dtype=np.int64).T
        return self._videos(channel, number, now)

    def search_channels(self, query: Query, now: dt.datetime) -> list[Channel]:
        """By the words of their names and descriptions."""
        if query.channel_id is not None:
            only = self.channels([query.channel_id], now)
            return only if not query.text or self._words.find(query.text) else []
        hits = self._words.find(query.text) if query.text else self._everybody
        found = [
            Found(self._published(index), score, index)
            for index, score in hits
            if _within(self._published(index), query)
        ]
        best = sorted(found, key=lambda hit: (-hit.score, hit.item))[:_MOST_FOUND]
        if query.order in ("viewCount", "videoCount"):
            popular = self.plan.usual / self.plan.interval
            rank = popular if query.order == "viewCount" else 1 / self.plan.interval
            best.sort(key=lambda hit: -rank[hit.item])
        channels = [self._channel(hit.item, now) for hit in best]
        return arranged(channels, query.order) if query.order in ("date", "title") else channels

    def search_videos(self, query: Query, now: dt.datetime) -> list[Video]:
        """By the words of their titles; unless a channel is named, among the newest uploads."""
        if query.channel_id is not None:
            index = self._index(query.channel_id)
            videos = [] if index is None else self._of_channel(index, query, now)
        else:
            channels = self._words.find(query.text) if query.text else self._everybody
            videos = [
                video
                for index, _ in channels[:_SEARCHED_CHANNELS]
                for video in self._newest(index, _SEARCHED_UPLOADS, now)
            ]
        wanted = [v for v in videos if v.status == "public" and _within(v.published_at, query)]
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
                _moment(uploads.published[at]),
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
        return _moment(uploads.published[at]), float(self.plan.shift[index])

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
    def _titles(self) -> list[str]:
        index = np.arange(len(self.plan))
        name, thing, person = (
            self._draws.uniform(f"channel's {part}", index) for part in ("name", "thing", "person")
        )
        titles, taken = [], dict[str, int]()
        for at, flavour in enumerate(self.plan.flavour):
            kind = FLAVOURS[_NAMES[flavour]]
            pattern = _pick(kind.names, name[at])
            script = self.plan.script[at]
            if script >= 0:
                shown = _pick(SCRIPTS[_SCRIPTS[script]], name[at]).format(number="").strip(" #")
            elif flavour == _NAMES.index("making"):
                shown = pattern.format(_pick(kind.things, thing[at]).title())
            else:
                shown = pattern.format(_pick(PEOPLE, person[at]))
            taken[shown] = taken.get(shown, 0) + 1
            titles.append(shown if taken[shown] == 1 else f"{shown} {taken[shown]}")
        return titles

    @cached_property
    def _descriptions(self) -> list[str]:
        drawn = self._draws.uniform("blurb", np.arange(len(self.plan)))
        return [
            _pick(FLAVOURS[_NAMES[flavour]].blurbs, at)
            for flavour, at in zip(self.plan.flavour, drawn, strict=True)
        ]

    @cached_property
    def _handle_of(self) -> list[str]:
        return [
            (re.sub(r"[^a-z0-9]", "", title.casefold()) or "channel") + f"-{index}"
            for index, title in enumerate(self._titles)
        ]

    @cached_property
    def _handles(self) -> dict[str, int]:
        return {handle: index for index, handle in enumerate(self._handle_of)}

    @cached_property
    def _words(self) -> Index:
        texts = zip(self._titles, self._descriptions, strict=True)
        return Index((at, f"{title} {about}") for at, (title, about) in enumerate(texts))

    @cached_property
    def _everybody(self) -> list[tuple[int, float]]:
        return [(index, 0.0) for index in range(len(self.plan))]

    def _published(self, index: int) -> dt.datetime:
        return _moment(self.plan.start[index] - 30 * DAY)

    def _channel(self, index: int, now: dt.datetime) -> Channel:
        plan = self.plan
        days = (now - EPOCH).total_seconds() / 86_400
        script = plan.script[index]
        return Channel(
            channel_id=self._ids.channel(index),
            title=self._titles[index],
            description=self._descriptions[index],
            handle=f"@{self._handle_of[index]}",
            country=None if index % 7 == 0 else COUNTRIES[index % len(COUNTRIES)],
            language=_SCRIPTS[script] if script >= 0 else "en",
            published_at=self._published(index),
            subscribers=int(plan.subscribers[index] * max(0.1, 1 + plan.gain[index] * days)),
            hidden=bool(plan.hidden[index]),
            topics=FLAVOURS[_NAMES[plan.flavour[index]]].topics if index % 11 else (),
        )

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
        return self._videos(np.full(len(numbers), index), numbers, now)

    def _videos(self, channel: np.ndarray, number: np.ndarray, now: dt.datetime) -> list[Video]:
        uploads = Uploads(self._draws, self.plan, channel, number)
        views = uploads.views(now)
        likes, comments = uploads.drawn("hidden likes"), uploads.drawn("comments off")
        return [
            self._video(
                uploads,
                at,
                now,
                int(views[at]),
                likes=likes[at] >= HIDDEN_LIKES,
                comments=comments[at] >= NO_COMMENTS,
            )
            for at in range(len(number))
        ]

    def _video(
        self,
        uploads: Uploads,
        at: int,
        now: dt.datetime,
        views: int,
        *,
        likes: bool,
        comments: bool,
    ) -> Video:
        index, number = int(uploads.channel[at]), int(uploads.number[at])
        flavour = FLAVOURS[_NAMES[self.plan.flavour[index]]]
        title, thing = self._title(uploads, at)
        age = microseconds(now) - int(uploads.starts[at])
        live: Live = "none"
        if uploads.broadcast[at] and age < ON_AIR:
            live = "upcoming" if age < 0 else "live"
        status = _STATUS[int(uploads.status[at])]
        script = self.plan.script[index]
        return Video(
            video_id=self._ids.video(index, number),
            channel_id=self._ids.channel(index),
            channel_title=self._titles[index],
            title=title,
            description=f"{title}. Upload {number + 1} of {self._titles[index]}.",
            tags=() if number % 9 == 0 else tuple(re.findall(r"\w+", thing.casefold())),
            language=_SCRIPTS[script] if script >= 0 else "en",
            published_at=_moment(uploads.published[at]),
            starts_at=_moment(uploads.starts[at]) if uploads.broadcast[at] else None,
            duration_s=int(uploads.seconds[at]) if live == "none" else None,
            category=flavour.category,
            topics=flavour.topics,
            views=views,
            likes=round(views * 0.04) if likes else None,
            comments=round(views * 0.003) if comments else None,
            live=live,
            status=status,
        )

    def _title(self, uploads: Uploads, at: int) -> tuple[str, str]:
        index, number = int(uploads.channel[at]), int(uploads.number[at])
        flavour = int(self.plan.flavour[index])
        kind = FLAVOURS[_NAMES[flavour]]
        pattern, thing = self._words_drawn(uploads)
        chosen = _pick(kind.things, thing[at])
        if uploads.trendy[at]:
            fortnight = int(uploads.published[at]) // (14 * DAY)
            drawn = self._draws.uniform("trend", np.array([fortnight]), flavour)
            chosen = _pick(TRENDS, drawn[0])
        script = self.plan.script[index]
        if script >= 0:
            return _pick(SCRIPTS[_SCRIPTS[script]], pattern[at]).format(number=number + 1), chosen
        title = _pick(kind.titles, pattern[at]).format(chosen, number=number + 1)
        return title[0].upper() + title[1:], chosen

    def _words_drawn(self, uploads: Uploads) -> tuple[np.ndarray, np.ndarray]:
        drawn = uploads.__dict__.get("_words_drawn")
        if drawn is None:
            drawn = (uploads.drawn("title"), uploads.drawn("thing"))
            uploads.__dict__["_words_drawn"] = drawn
        return drawn


def _pick(texts: Sequence[str], drawn: float) -> str:
    return texts[int(drawn * len(texts))]


def _moment(micros: int | np.int64) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(micros) // 1_000_000, dt.UTC)


def _within(published: dt.datetime, query: Query) -> bool:
    return (query.after is None or published >= query.after) and (
        query.before is None or published < query.before
    )
