"""Answers of an API that never was."""

from __future__ import annotations

import datetime as dt
from typing import Any

from streams.outliers.watching.watch import HOUR, Watch
from streams.outliers.youtube.shapes import Channel, Video

NOW = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC).timestamp()
DAY = 24 * HOUR


def channel(channel_id: str, **facts: Any) -> Channel:
    given: dict[str, Any] = {
        "title": channel_id.upper(),
        "description": "",
        "handle": None,
        "country": None,
        "published_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        "subscribers": 1_000,
        "views": 5_000,
        "videos": 10,
        "topics": (),
        "uploads_playlist": "UU",
        "etag": "",
    }
    return Channel(channel_id=channel_id, **{**given, **facts})


def video(video_id: str, channel_id: str, age_h: float, *, now: float = NOW, **facts: Any) -> Video:
    given: dict[str, Any] = {
        "title": video_id,
        "description": "",
        "tags": (),
        "duration_s": 60,
        "category": "20",
        "views": 100,
        "likes": 1,
        "comments": 0,
        "live": "none",
        "etag": "",
    }
    published = dt.datetime.fromtimestamp(now - age_h * HOUR, dt.UTC)
    return Video(
        video_id=video_id, channel_id=channel_id, published_at=published, **{**given, **facts}
    )


def watching(uploads: dict[str, list[float]], *, at: float = NOW - HOUR) -> Watch:
    """Channels with uploads of these ages in hours (at NOW), all looked at then."""
    watch = Watch()
    watch.only({one: (one, at) for one in uploads})
    for channel_id, ages in uploads.items():
        watch.saw_channels([channel_id], [channel(channel_id)], at)
        videos = [video(f"{channel_id}-{n}", channel_id, age) for n, age in enumerate(ages)]
        ids = [one.video_id for one in videos]
        watch.saw_uploads(channel_id, ids, at, cut=False)
        watch.saw_videos(ids, videos, at)
    return watch
