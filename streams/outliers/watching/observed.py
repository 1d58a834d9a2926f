"""What the API said at an instant, as events."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from schemas.catalogue import CHANNEL_SNAPSHOTS, VIDEO_SNAPSHOTS
from schemas.topic import Topic
from streams.outliers.youtube.shapes import Channel, Video

_NAMESPACE = uuid.UUID("5a2d8a59-8f3e-4b0b-9d0e-6f4c1e7b2a90")

Event = tuple[Topic, dict[str, Any]]


def video_snapshot(video: Video, at: float) -> Event:
    """The VideoSnapshot of a video as it was answered at that moment."""
    when = _instant(at)
    return VIDEO_SNAPSHOTS, {
        "event_id": event_id("video", video.video_id, when),
        "occurred_at": when,
        "video_id": video.video_id,
        "channel_id": video.channel_id,
        "title": text(video.title),
        "published_at": video.published_at,
        "duration_s": video.duration_s or None,  # a live stream that has not ended has 0
        "category": video.category,
        "views": video.views,
        "likes": video.likes,
        "comments": video.comments,
    }


def channel_snapshot(channel: Channel, at: float) -> Event:
    """The ChannelSnapshot of a channel as it was answered at that moment."""
    when = _instant(at)
    return CHANNEL_SNAPSHOTS, {
        "event_id": event_id("channel", channel.channel_id, when),
        "occurred_at": when,
        "channel_id": channel.channel_id,
        "title": text(channel.title),
        "subscribers": channel.subscribers,
        "views": channel.views,
        "videos": channel.videos,
    }


def event_id(kind: str, name: str, at: dt.datetime) -> str:
    """A UUID of version 5 that follows from what was observed, and when.

    An observation that is published again after a crash is the same event.
    """
    micros = (at - dt.datetime.fromtimestamp(0, dt.UTC)) // dt.timedelta(microseconds=1)
    return str(uuid.uuid5(_NAMESPACE, f"{kind}\x1f{name}\x1f{micros}"))


def text(value: str) -> str:
    """Text that every store takes: no NUL, no half of a character."""
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def _instant(at: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(at, dt.UTC)
