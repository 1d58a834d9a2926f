"""The four lists of the API: a request's parameters in, the answer's JSON out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from starlette.datastructures import QueryParams

from infra.youtube_local import errors, resources, tokens
from infra.youtube_local.parameters import Parameters
from infra.youtube_local.world import Channel, Query, Video, World

Json = dict[str, Any]
Answer = Callable[[World, QueryParams, dt.datetime], Json]


@dataclass(frozen=True)
class Method:
    """A list of the API, and the units that a call of it costs."""

    answer: Answer
    cost: int


_ORDERS = ("date", "rating", "relevance", "title", "videoCount", "viewCount")
_SEARCH = ("q", "type", "channelId", "publishedAfter", "publishedBefore", "order", "maxResults",
           "pageToken")  # fmt: skip
_SEARCH_IGNORED = ("regionCode", "relevanceLanguage", "safeSearch")
_SEARCH_FOREIGN = (
    "channelType", "eventType", "forContentOwner", "forDeveloper", "forMine", "location",
    "locationRadius", "onBehalfOfContentOwner", "topicId", "videoCaption", "videoCategoryId",
    "videoDefinition", "videoDimension", "videoDuration", "videoEmbeddable", "videoLicense",
    "videoPaidProductPlacement", "videoSyndicated", "videoType",
)  # fmt: skip


def search(world: World, query: QueryParams, now: dt.datetime) -> Json:
    """`search.list`: channels, videos, or both."""
    asked = Parameters(query, _SEARCH, ignored=_SEARCH_IGNORED, foreign=_SEARCH_FOREIGN)
    parts = asked.parts(resources.SEARCH_PARTS)
    kinds = asked.listed("type") or ["video", "channel", "playlist"]
    for kind in kinds:
        if kind not in ("video", "channel", "playlist"):
            raise errors.bad_parameter("type", f"Invalid string value: '{kind}'.")
    size = asked.page_size()
    wanted = Query(
        asked.text("q") or "",
        asked.text("channelId"),
        asked.moment("publishedAfter"),
        asked.moment("publishedBefore"),
        asked.choice("order", _ORDERS, "relevance"),
    )
    found: list[Channel | Video] = []
    if "channel" in kinds:
        found += world.search_channels(wanted, now)
    if "video" in kinds:
        found += world.search_videos(wanted, now)
    identity = f"search {sorted(kinds)} {wanted}"
    start = tokens.offset(identity, asked.text("pageToken"))
    items = [resources.hit(one, parts) for one in found[start : start + size]]
    page = _page(identity, start, size, len(found))
    return _list(
        "youtube#searchListResponse", items, {**page, "regionCode": "US"}, len(found), size
    )


def channels(world: World, query: QueryParams, now: dt.datetime) -> Json:
    """`channels.list`, by ids or by a handle."""
    asked = Parameters(
        query,
        ("id", "forHandle", "forUsername", "maxResults", "pageToken"),
        ignored=("hl",),
        foreign=("categoryId", "managedByMe", "mine", "mySubscribers", "onBehalfOfContentOwner"),
    )
    parts = asked.parts(resources.CHANNEL_PARTS)
    ids, handle, user = asked.ids(), asked.text("forHandle"), asked.text("forUsername")
    given = [
        name
        for name, value in (("id", ids), ("forHandle", handle), ("forUsername", user))
        if value is not None
    ]
    if not given:
        raise errors.no_filter("forHandle, forUsername, id, managedByMe, mine")
    if len(given) > 1:
        raise errors.incompatible(", ".join(given))
    size = asked.page_size()
    if ids is not None:
        found = world.channels(ids, now)
    else:
        one = world.channel_of_handle(handle or f"@{user}", now)
        found = [] if one is None else [one]
    identity = f"channels {given} {ids} {handle} {user}"
    start = tokens.offset(identity, asked.text("pageToken"))
    items = [
        resources.channel(one, parts, lambda one=one: world.counts(one.channel_id, now))  # type: ignore[misc]
        for one in found[start : start + size]
    ]
    page = _page(identity, start, size, len(found))
    return _list("youtube#channelListResponse", items, page, len(found), size)


def playlist_items(world: World, query: QueryParams, now: dt.datetime) -> Json:
    """`playlistItems.list` of a playlist of uploads."""
    asked = Parameters(
        query,
        ("playlistId", "maxResults", "pageToken"),
        foreign=("id", "videoId", "onBehalfOfContentOwner"),
    )
    parts = asked.parts(resources.ITEM_PARTS)
    playlist = asked.text("playlistId")
    if playlist is None:
        raise errors.no_filter("id, playlistId")
    size = asked.page_size()
    start = tokens.offset(f"playlist {playlist}", asked.text("pageToken"))
    if not playlist.startswith("UU"):
        raise errors.no_playlist()
    total, uploads = world.uploads("UC" + playlist[2:], now, start, size)
    if not total:
        raise errors.no_playlist()
    items = [
        resources.playlist_item(one, playlist, start + at, parts) for at, one in enumerate(uploads)
    ]
    page = _page(f"playlist {playlist}", start, size, total)
    return _list("youtube#playlistItemListResponse", items, page, total, size)


def videos(world: World, query: QueryParams, now: dt.datetime) -> Json:
    """`videos.list` by ids. What is private or deleted is absent; there are no pages."""
    asked = Parameters(
        query,
        ("id", "maxResults", "pageToken"),
        ignored=("hl", "locale", "maxHeight", "maxWidth"),
        foreign=("chart", "myRating", "onBehalfOfContentOwner", "regionCode", "videoCategoryId"),
    )
    parts = asked.parts(resources.VIDEO_PARTS)
    ids = asked.ids()
    if ids is None:
        raise errors.no_filter("chart, id, myRating")
    asked.page_size(least=1)
    tokens.offset("videos", asked.text("pageToken"))
    found = [one for one in world.videos(ids, now) if one.status == "public"]
    items = [resources.video(one, parts) for one in found]
    return _list("youtube#videoListResponse", items, {}, len(items), len(items))


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "search": Method(search, 100),
        "channels": Method(channels, 1),
        "playlistItems": Method(playlist_items, 1),
        "videos": Method(videos, 1),
    }
)


def _page(identity: str, start: int, size: int, total: int) -> Json:
    found: Json = {}
    if size and start + size < total:
        found["nextPageToken"] = tokens.token(identity, start + size)
    if start > 0:
        found["prevPageToken"] = tokens.token(identity, max(0, start - size))
    return found


def _list(kind: str, items: list[Json], page: Json, total: int, size: int) -> Json:
    rest = {**page, "pageInfo": {"totalResults": total, "resultsPerPage": size}, "items": items}
    return {"kind": kind, "etag": resources.etag(rest), **rest}
