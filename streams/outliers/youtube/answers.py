"""The Data API's items as shapes: what is hidden, missing or written as text."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from streams.outliers.youtube.shapes import Channel, ChannelHit, Video

_DURATION = TypeAdapter(dt.timedelta)  # reads ISO 8601, also with days and weeks

Item = Mapping[str, Any]


def channel_hit(item: Item) -> ChannelHit | None:
    """A result of `search.list`; None where it is no channel.

    Of all answers only a search's texts are escaped for HTML.
    """
    channel_id = item.get("id", {}).get("channelId")
    if not channel_id:
        return None
    if not isinstance(channel_id, str):
        raise TypeError("a channel's id that is no text")
    snippet = item.get("snippet", {})
    return ChannelHit(
        channel_id=channel_id,
        title=html.unescape(snippet.get("title", "")),
        description=html.unescape(snippet.get("description", "")),
    )


def channel(item: Item) -> Channel:
    """An item of `channels.list`.

    Raises:
        ValueError: it has no id, or no time at which the channel began.
    """
    snippet = item.get("snippet", {})
    counts = item.get("statistics", {})
    hidden = counts.get("hiddenSubscriberCount", False)
    handle = snippet.get("customUrl") or None
    return Channel(
        channel_id=_identity(item),
        title=snippet.get("title", ""),
        description=snippet.get("description", ""),
        handle=handle if handle and handle.startswith("@") else None,
        country=snippet.get("country"),
        published_at=_moment(snippet),
        subscribers=None if hidden else _count(counts, "subscriberCount"),
        views=_count(counts, "viewCount"),
        videos=_count(counts, "videoCount"),
        topics=tuple(item.get("topicDetails", {}).get("topicCategories", ())),
        uploads_playlist=(
            item.get("contentDetails", {}).get("relatedPlaylists", {}).get("uploads") or None
        ),
        etag=item.get("etag", ""),
    )


def video(item: Item) -> Video:
    """An item of `videos.list`.

    Raises:
        ValueError: it has no id, or no time at which the video was published.
    """
    snippet = item.get("snippet", {})
    counts = item.get("statistics", {})
    live = snippet.get("liveBroadcastContent")
    if live not in ("live", "upcoming"):
        live = "none"
    return Video(
        video_id=_identity(item),
        channel_id=snippet.get("channelId", ""),
        title=snippet.get("title", ""),
        description=snippet.get("description", ""),
        tags=tuple(snippet.get("tags", ())),
        published_at=_moment(snippet),
        duration_s=_seconds(item.get("contentDetails", {})) if live == "none" else None,
        category=snippet.get("categoryId"),
        views=_count(counts, "viewCount"),
        likes=_count(counts, "likeCount"),
        comments=_count(counts, "commentCount"),
        live=live,
        etag=item.get("etag", ""),
    )


def upload(item: Item) -> tuple[str, dt.datetime] | None:
    """Video and time of publication of an item of `playlistItems.list`.

    None for a video that nobody can see (private, deleted): it has no such time.
    """
    details = item.get("contentDetails", {})
    identity, published = details.get("videoId"), details.get("videoPublishedAt")
    if not identity or not published:
        return None
    if not isinstance(identity, str):
        raise TypeError("a video's id that is no text")
    return identity, _time(published)


def _identity(item: Item) -> str:
    identity = item.get("id")
    if not isinstance(identity, str) or not identity:
        raise ValueError("an item without an id")
    return identity


def _moment(snippet: Item) -> dt.datetime:
    published = snippet.get("publishedAt")
    if not published:
        raise ValueError("an item without publishedAt")
    return _time(published)


def _time(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text)
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)


def _count(counts: Item, name: str) -> int | None:
    """Counts are texts, of more digits than a double has; absent where they are hidden."""
    text = counts.get(name)
    return None if text is None else int(text)


def _seconds(details: Item) -> int | None:
    """A duration in whole seconds; None where it is missing, or `P0D`: not known yet."""
    try:
        length = _DURATION.validate_python(details.get("duration"))
    except ValidationError:
        return None
    return int(length.total_seconds()) or None
