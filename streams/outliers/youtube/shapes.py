"""What the Data API says of channels and videos, as far as it is used here."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelHit:
    """A channel that a search found.

    Attributes:
        title: as the search gives it; HTML entities are resolved.
    """

    channel_id: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel and its counts.

    Attributes:
        subscribers: null where the channel hides them; the API rounds them to three digits.
        topics: addresses of the encyclopedia's pages about it, as `topicDetails` gives them.
        uploads_playlist: the playlist of its uploads, newest first; None where it has none.
        etag: of the answer's item.
    """

    channel_id: str
    title: str
    description: str
    handle: str | None
    country: str | None
    published_at: dt.datetime
    subscribers: int | None
    views: int | None
    videos: int | None
    topics: tuple[str, ...]
    uploads_playlist: str | None
    etag: str


@dataclass(frozen=True, slots=True)
class Video:
    """A video and its counts.

    Attributes:
        duration_s: null for live broadcasts and premieres that have not begun.
        category: the platform's number as text.
        views: null where hidden; so are likes, and comments where they are off.
        live: `none`, `live` or `upcoming`.
    """

    video_id: str
    channel_id: str
    title: str
    description: str
    tags: tuple[str, ...]
    published_at: dt.datetime
    duration_s: int | None
    category: str | None
    views: int | None
    likes: int | None
    comments: int | None
    live: str
    etag: str
