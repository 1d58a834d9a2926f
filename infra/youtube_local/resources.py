"""Channels, videos and hits as the API's JSON: only the parts that were asked for."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html
import json
from collections.abc import Callable, Collection
from typing import Any

from infra.youtube_local.world import Channel, Counts, Video

Json = dict[str, Any]

CHANNEL_PARTS = frozenset(
    {
        "id", "snippet", "contentDetails", "statistics", "status", "topicDetails",
        "brandingSettings", "localizations",
    }
)  # fmt: skip
VIDEO_PARTS = frozenset(
    {
        "id", "snippet", "contentDetails", "statistics", "status", "topicDetails",
        "liveStreamingDetails", "player", "localizations", "recordingDetails",
    }
)  # fmt: skip
ITEM_PARTS = frozenset({"id", "snippet", "contentDetails", "status"})
SEARCH_PARTS = frozenset({"id", "snippet"})

_WIKIPEDIA = "https://en.wikipedia.org/wiki/"
_SNIPPET = 160  # characters of a description that a search shows


def channel(of: Channel, parts: Collection[str], counts: Callable[[], Counts]) -> Json:
    """A `youtube#channel`; the counts are asked for only where they are shown."""
    made: Json = {}
    localized = {"title": of.title, "description": of.description}
    if "snippet" in parts:
        made["snippet"] = _without_nulls(
            {
                "title": of.title,
                "description": of.description,
                "customUrl": of.handle,
                "publishedAt": when(of.published_at),
                "thumbnails": _thumbnails(f"channel/{of.channel_id}"),
                "localized": localized,
                "country": of.country,
            }
        )
    if "contentDetails" in parts:
        made["contentDetails"] = {"relatedPlaylists": {"likes": "", "uploads": of.uploads_playlist}}
    if "statistics" in parts:
        found = counts()
        made["statistics"] = {
            "viewCount": str(found.views),
            **({} if of.hidden else {"subscriberCount": str(rounded(of.subscribers))}),
            "hiddenSubscriberCount": of.hidden,
            "videoCount": str(found.videos),
        }
    if "topicDetails" in parts and of.topics:
        made["topicDetails"] = {
            "topicCategories": [_WIKIPEDIA + topic for topic in of.topics],
        }
    if "status" in parts:
        made["status"] = {
            "privacyStatus": "public",
            "isLinked": True,
            "longUploadsStatus": "longUploadsUnspecified",
            "madeForKids": False,
        }
    if "brandingSettings" in parts:
        made["brandingSettings"] = {"channel": _without_nulls({**localized, "country": of.country})}
    return _resource("youtube#channel", of.channel_id, made)


def video(of: Video, parts: Collection[str]) -> Json:
    """A `youtube#video`."""
    made: Json = {}
    localized = {"title": of.title, "description": of.description}
    if "snippet" in parts:
        made["snippet"] = _without_nulls(
            {
                "publishedAt": when(of.published_at),
                "channelId": of.channel_id,
                "title": of.title,
                "description": of.description,
                "thumbnails": _thumbnails(f"vi/{of.video_id}"),
                "channelTitle": of.channel_title,
                "tags": list(of.tags) or None,
                "categoryId": of.category,
                "liveBroadcastContent": of.live,
                "localized": localized,
                "defaultAudioLanguage": of.language,
            }
        )
    if "contentDetails" in parts:
        made["contentDetails"] = {
            "duration": duration(of.duration_s),
            "dimension": "2d",
            "definition": "hd",
            "caption": "false",
            "licensedContent": True,
            "contentRating": {},
            "projection": "rectangular",
        }
    if "status" in parts:
        made["status"] = {
            "uploadStatus": "processed" if of.live == "none" else "uploaded",
            "privacyStatus": "public",
            "license": "youtube",
            "embeddable": True,
            "publicStatsViewable": True,
            "madeForKids": False,
        }
    if "statistics" in parts:
        shown = {"viewCount": of.views, "likeCount": of.likes}
        texts = {name: str(value) for name, value in shown.items() if value is not None}
        comments = {} if of.comments is None else {"commentCount": str(of.comments)}
        made["statistics"] = {**texts, "favoriteCount": "0", **comments}
    if "topicDetails" in parts and of.topics:
        made["topicDetails"] = {"topicCategories": [_WIKIPEDIA + topic for topic in of.topics]}
    if "liveStreamingDetails" in parts and of.starts_at is not None:
        begun = {} if of.live == "upcoming" else {"actualStartTime": when(of.starts_at)}
        made["liveStreamingDetails"] = {**begun, "scheduledStartTime": when(of.starts_at)}
    return _resource("youtube#video", of.video_id, made)


def playlist_item(of: Video, playlist_id: str, position: int, parts: Collection[str]) -> Json:
    """A `youtube#playlistItem`; of what is not public, little more than its id."""
    made: Json = {}
    gone = of.status != "public"
    if "snippet" in parts:
        title = {"private": "Private video", "deleted": "Deleted video"}.get(of.status, of.title)
        unavailable = {
            "private": "This video is private.",
            "deleted": "This video is unavailable.",
        }
        made["snippet"] = {
            "publishedAt": when(of.published_at),
            "channelId": of.channel_id,
            "title": title,
            "description": unavailable.get(of.status, of.description),
            "thumbnails": {} if gone else _thumbnails(f"vi/{of.video_id}"),
            "channelTitle": of.channel_title,
            "playlistId": playlist_id,
            "position": position,
            "resourceId": {"kind": "youtube#video", "videoId": of.video_id},
        }
        if not gone:
            made["snippet"] |= {
                "videoOwnerChannelTitle": of.channel_title,
                "videoOwnerChannelId": of.channel_id,
            }
    if "contentDetails" in parts:
        made["contentDetails"] = {"videoId": of.video_id}
        if not gone:
            made["contentDetails"]["videoPublishedAt"] = when(of.published_at)
    if "status" in parts:
        shown = "privacyStatusUnspecified" if of.status == "deleted" else of.status
        made["status"] = {"privacyStatus": shown}
    item_id = base64.b64encode(f"{playlist_id}.{of.video_id}".encode()).decode().rstrip("=")
    return _resource("youtube#playlistItem", item_id, made)


def hit(of: Channel | Video, parts: Collection[str]) -> Json:
    """A `youtube#searchResult`. Titles in it have HTML entities, as the platform's have."""
    made: Json = {}
    is_channel = isinstance(of, Channel)
    if isinstance(of, Channel):
        found = {"kind": "youtube#channel", "channelId": of.channel_id}
    else:
        found = {"kind": "youtube#video", "videoId": of.video_id}
    if "snippet" in parts:
        name = of.title if isinstance(of, Channel) else of.channel_title
        at = when(of.published_at)
        path = f"channel/{of.channel_id}" if isinstance(of, Channel) else f"vi/{of.video_id}"
        made["snippet"] = {
            "publishedAt": at,
            "channelId": of.channel_id,
            "title": escaped(of.title),
            "description": of.description[:_SNIPPET],
            "thumbnails": _thumbnails(path),
            "channelTitle": escaped(name),
            "liveBroadcastContent": "none" if is_channel else getattr(of, "live", "none"),
            "publishTime": at,
        }
    made = {"id": found, **made}
    return {"kind": "youtube#searchResult", "etag": etag(made), **made}


def escaped(text: str) -> str:
    """A title as the search gives it: `&`, `<`, `>` and both quotes as entities."""
    return html.escape(text).replace("&#x27;", "&#39;")


def etag(of: Any) -> str:
    """A tag that changes when the content does."""
    content = json.dumps(of, ensure_ascii=False, sort_keys=True).encode()
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def when(moment: dt.datetime) -> str:
    """In the API's form, such as 2026-01-31T12:00:00Z."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: int | None) -> str:
    """In ISO 8601's form, such as PT1H2M3S; P0D for what has not begun or ended."""
    if not seconds:
        return "P0D"
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    clock = "".join(
        f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (left, "S")) if value
    )
    return "P" + (f"{days}D" if days else "") + (f"T{clock}" if clock else "")


def rounded(count: int) -> int:
    """Subscribers as the API tells them: three digits, the rest cut off."""
    scale: int = 10 ** max(0, len(str(count)) - 3)
    return count // scale * scale


def _resource(kind: str, identity: str, made: Json) -> Json:
    content = {"id": identity, **made}
    return {"kind": kind, "etag": etag(content), **content}


def _thumbnails(path: str) -> Json:
    sizes = {"default": (120, 90), "medium": (320, 180), "high": (480, 360)}
    return {
        name: {"url": f"https://i.ytimg.example/{path}/{name}.jpg", "width": w, "height": h}
        for name, (w, h) in sizes.items()
    }


def _without_nulls(of: Json) -> Json:
    return {name: value for name, value in of.items() if value is not None}
