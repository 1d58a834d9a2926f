"""What YouTube says now: asked through the cache, paid for from the day's units.

What is known here without asking is under `/channels`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.errors import not_found
from api.responses import also
from api.routes import V1
from api.services import Here
from api.shapes.youtube import (
    CacheUse,
    ChannelInfo,
    FoundChannel,
    FoundChannels,
    PurposeUnits,
    Quota,
    UploadedVideo,
    UploadedVideos,
)
from schemas.given import Instant
from streams.outliers.youtube.shapes import Channel, Video

router = APIRouter(prefix=V1, tags=["youtube"], responses=also(429, 502))

Name = Annotated[str, Path(max_length=200, description="The channel's id, or its `@handle`.")]


@router.get("/channels/search", summary="Search YouTube for channels")
async def search(
    here: Here,
    q: Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")],
    limit: Annotated[int, Query(ge=1, le=50)] = 25,
) -> FoundChannels:
    """The most relevant first. 100 units, unless the same was asked in the last two hours."""
    hits = await here.youtube.search_channels(q, limit=limit)
    items = [
        FoundChannel(channel_id=hit.channel_id, title=hit.title, description=hit.description)
        for hit in hits
    ]
    return FoundChannels(items=items, total=len(items))


@router.get("/channels/{name}/info", summary="A channel as YouTube shows it")
async def info(name: Name, here: Here) -> ChannelInfo:
    """1 unit, unless it was asked for within a day."""
    return _info(await _channel(here, name))


@router.get("/youtube/channels", summary="A channel by any of its names")
async def named(
    here: Here,
    name: Annotated[
        str, Query(max_length=500, description="Id, handle, or the address of the channel's page.")
    ],
) -> ChannelInfo:
    """1 unit, unless it was asked for within a day."""
    return _info(await _channel(here, name))


@router.get("/youtube/channels/{name}/videos", summary="A channel's newest uploads on YouTube")
async def videos(
    name: Name,
    here: Here,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    since: Annotated[
        Instant | None, Query(description="Published then or later (UTC, if it names no zone).")
    ] = None,
) -> UploadedVideos:
    """Newest first. Up to 3 units for 50, unless it was asked for in the last six hours."""
    channel = await _channel(here, name)
    uploads = await here.youtube.uploads(channel, limit=limit, since=since)
    items = [_video(video) for video in await here.youtube.videos(uploads)]
    return UploadedVideos(channel_id=channel.channel_id, items=items, total=len(items))


@router.get("/youtube/quota", summary="The day's units of the Data API")
async def quota(here: Here) -> Quota:
    """Of all processes together; asking for it costs nothing."""
    state, cache = await here.youtube.quota(), await here.youtube.cached()
    return Quota(
        day=state.day,
        per_day=state.per_day,
        spent=sum(state.spent.values()),
        left=max(state.left.values()),
        exhausted=state.exhausted,
        resets_at=state.resets_at,
        searches_left=state.searches_left,
        purposes={
            purpose: PurposeUnits(spent=units, left=state.left[purpose])
            for purpose, units in state.spent.items()
        },
        cache=CacheUse(
            hits=sum(cache.hits.values()),
            misses=sum(cache.misses.values()),
            unchanged=sum(cache.unchanged.values()),
            hit_ratio=cache.hit_ratio,
        ),
    )


async def _channel(here: Here, name: str) -> Channel:
    channel = await here.youtube.channel_named(name)
    if channel is None:
        raise not_found("channel on YouTube", name)
    return channel


def _info(channel: Channel) -> ChannelInfo:
    return ChannelInfo(
        channel_id=channel.channel_id,
        title=channel.title,
        description=channel.description,
        handle=channel.handle,
        country=channel.country,
        published_at=channel.published_at,
        subscribers=channel.subscribers,
        views=channel.views,
        videos=channel.videos,
        topics=list(channel.topics),
        url=f"https://www.youtube.com/channel/{channel.channel_id}",
    )


def _video(video: Video) -> UploadedVideo:
    return UploadedVideo(
        video_id=video.video_id,
        title=video.title,
        description=video.description,
        tags=list(video.tags),
        published_at=video.published_at,
        duration_s=video.duration_s,
        category=video.category,
        views=video.views,
        likes=video.likes,
        comments=video.comments,
        live=video.live,
        url=f"https://www.youtube.com/watch?v={video.video_id}",
    )
