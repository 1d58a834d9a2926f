"""What the server serves: channels and videos as they are at a moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Status = Literal["public", "private", "deleted"]
Live = Literal["none", "live", "upcoming"]


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel at a moment.

    Attributes:
        subscribers: exact; the API rounds them, and leaves them out where they are `hidden`.
        topics: last parts of the addresses of the encyclopedia's pages, such as `Action_game`.
    """

    channel_id: str
    title: str
    description: str
    handle: str | None
    country: str | None
    language: str | None
    published_at: dt.datetime
    subscribers: int
    hidden: bool
    topics: tuple[str, ...]

    @property
    def uploads_playlist(self) -> str:
        """The playlist of its uploads: its id with another head."""
        return "UU" + self.channel_id[2:]


@dataclass(frozen=True, slots=True)
class Counts:
    """Of a channel: `views` of all its videos, and how many `videos` are public."""

    views: int
    videos: int


@dataclass(frozen=True, slots=True)
class Video:
    """A video at a moment.

    Attributes:
        starts_at: when it begins, where it is a broadcast.
        category: the platform's number.
        likes: None where hidden; comments: None where they are off.
    """

    video_id: str
    channel_id: str
    channel_title: str
    title: str
    description: str
    tags: tuple[str, ...]
    language: str | None
    published_at: dt.datetime
    starts_at: dt.datetime | None
    duration_s: int | None
    category: str
    topics: tuple[str, ...]
    views: int | None
    likes: int | None
    comments: int | None
    live: Live
    status: Status


@dataclass(frozen=True, slots=True)
class Query:
    """What a search asks for.

    Attributes:
        after: published at or after; before: published before.
    """

    text: str = ""
    channel_id: str | None = None
    after: dt.datetime | None = None
    before: dt.datetime | None = None
    order: str = "relevance"


class World(Protocol):
    """Channels and their videos; each method says how they are at `now`."""

    def channels(self, channel_ids: Sequence[str], now: dt.datetime) -> list[Channel]:
        """Those that exist, in any order."""

    def counts(self, channel_id: str, now: dt.datetime) -> Counts:
        """Of a channel that exists."""

    def channel_of_handle(self, handle: str, now: dt.datetime) -> Channel | None:
        """By its handle, with or without the `@`, in any case."""

    def uploads(
        self, channel_id: str, now: dt.datetime, offset: int, limit: int
    ) -> tuple[int, list[Video]]:
        """How many uploads there are, and some of them, newest first; private ones too."""

    def videos(self, video_ids: Sequence[str], now: dt.datetime) -> list[Video]:
        """Those that exist, whatever their status, in the order asked for."""

    def search_channels(self, query: Query, now: dt.datetime) -> list[Channel]:
        """All that match, in the query's order."""

    def search_videos(self, query: Query, now: dt.datetime) -> list[Video]:
        """All public ones that match, in the query's order."""


def within(published: dt.datetime, query: Query) -> bool:
    """Whether it was published in the time that is asked for."""
    return (query.after is None or published >= query.after) and (
        query.before is None or published < query.before
    )
