"""YouTube through its Data API: what is remembered first, then what is worth its units."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import structlog
from redis.asyncio import Redis

from infra.settings import Settings
from streams.outliers.youtube import answers
from streams.outliers.youtube.cache import Cache, CacheFigures, Entry, Item, Kind, pairs
from streams.outliers.youtube.calls import COSTS, GOOGLE, TRIES, Calls, Method
from streams.outliers.youtube.connection import connection
from streams.outliers.youtube.errors import ABOUT_KEY, RefusedError
from streams.outliers.youtube.names import names
from streams.outliers.youtube.quota import ANALYSES, POLLER, Ledger, QuotaState
from streams.outliers.youtube.shapes import Channel, ChannelHit, Video

PAGE = 50  # items: the most that the API gives or takes at once
LOCAL_KEY = "local"  # for a server of this machine, where no key is set

# Asked for, and nothing besides: thumbnails and translations are most of an answer.
_CHANNEL = {
    "part": "snippet,statistics,contentDetails,topicDetails",
    "fields": "etag,items(id,etag,snippet(title,description,customUrl,country,publishedAt),"
    "statistics(hiddenSubscriberCount,subscriberCount,viewCount,videoCount),"
    "contentDetails(relatedPlaylists(uploads)),topicDetails(topicCategories))",
}
_VIDEO = {
    "part": "snippet,statistics,contentDetails",
    "fields": "etag,items(id,etag,snippet(channelId,title,description,tags,publishedAt,categoryId,"
    "liveBroadcastContent),statistics(viewCount,likeCount,commentCount),contentDetails(duration))",
}
_UPLOADS = {
    "part": "contentDetails",
    "fields": "etag,nextPageToken,items(etag,contentDetails(videoId,videoPublishedAt))",
}
_SEARCH = {
    "part": "snippet",
    "type": "channel",
    "fields": "etag,nextPageToken,items(id(channelId),snippet(title,description))",
}
# Items that cannot be seen are left out of an answer, and what was published out of turn is passed
# over: so many pages of uploads more than the limit needs are read at most.
_MORE_PAGES = 4
# Whatever has other characters is no id, and its commas would make several of it.
_AN_ID = re.compile(r"[0-9A-Za-z_-]+")
# One wrong id in a batch is looked for; where so many in turn are wrong, it is not the ids.
_REFUSED_ALONE = 3
_GONE = ("playlistNotFound", "playlistItemsNotAccessible", "channelNotFound")

_Shape = TypeVar("_Shape")

log = structlog.get_logger()


class YouTubeClient:
    """A [`Source`][streams.outliers.youtube.source.Source] over the Data API.

    What was fetched before a call is refused (quota) is remembered: the same call made later goes
    on from there. One event loop uses one client; any number of its tasks may.

    Args:
        fresh: look every time, and use what is remembered only to ask whether it still holds: for
            who wants to see views grow.
    """

    def __init__(self, calls: Calls, cache: Cache, ledger: Ledger, *, fresh: bool = False) -> None:
        self._calls = calls
        self._cache = cache
        self._ledger = ledger
        self._fresh = fresh
        self._redis: Redis | None = None

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        purpose: str = ANALYSES,
        fresh: bool = False,
        tries: int = TRIES,
    ) -> Self:
        """A client as the settings say, whose addresses are all set; nothing connects yet.

        Args:
            purpose: on whose account the units go; `poller` has YOUTUBE_POLL_SHARE of the day.
            tries: of one call, where it may help to try again.
        """
        endpoint = settings.youtube_api_endpoint or GOOGLE
        secret = settings.youtube_api_key
        key = secret.get_secret_value() if secret else None
        if not key and endpoint != GOOGLE and _is_local(endpoint):
            key = LOCAL_KEY
        redis = connection(settings.redis_url or "")
        # Another key has its own units; another server other channels. The key itself is nowhere.
        ledger = Ledger(
            redis,
            account=_digest(endpoint, key or ""),
            per_day=settings.youtube_quota_per_day,
            shares={POLLER: settings.youtube_poll_share},
            searches=settings.youtube_searches_per_day,
        )
        calls = Calls(ledger, key=key, endpoint=endpoint, purpose=purpose, tries=tries)
        made = cls(calls, Cache(redis, origin=_digest(endpoint)), ledger, fresh=fresh)
        made._redis = redis
        return made

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._calls.aclose()
        if self._redis is not None:
            await self._redis.aclose()

    async def search_channels(self, query: str, *, limit: int = PAGE) -> list[ChannelHit]:
        """Channels that match, the most relevant first. 100 units a page of 50.

        Pages that are not full are not made up for with further ones.
        """
        if not query.strip():
            raise RefusedError(400, "emptyQuery", "a search needs at least one word")
        found: dict[str, ChannelHit] = {}
        asked = {**_SEARCH, "q": query.strip(), "maxResults": PAGE}
        pages = math.ceil(limit / PAGE)
        async for page in self._pages("search", "search", asked, pages):
            for hit in _shapes(answers.channel_hit, page):
                if hit is not None:
                    found.setdefault(hit.channel_id, hit)
            if len(found) >= limit:
                break
        return list(found.values())[:limit]

    async def channels(self, channel_ids: Sequence[str]) -> list[Channel]:
        """Those of the channels that exist, in the order asked for. 1 unit per 50."""
        found = await self._items("channel", "channels", _CHANNEL, channel_ids)
        return _shapes(answers.channel, found)

    async def channel_named(self, name: str) -> Channel | None:
        """A channel by its id, handle or address. 1 unit; 2 where a bare word is no handle.

        Raises:
            RefusedError: the text names no channel at all.
        """
        for one in names(name):
            if one.by == "id":
                found = await self.channels([one.value])
            else:
                found = await self._by_name({one.by: one.value})
            if found:
                return found[0]
        return None

    async def uploads(
        self, channel: Channel, *, limit: int, since: dt.datetime | None = None
    ) -> list[str]:
        """Ids of its newest public uploads, newest first. 1 unit per 50.

        Args:
            since: published then or later.
        """
        if channel.uploads_playlist is None:
            return []
        found: dict[str, None] = {}
        asked = {**_UPLOADS, "playlistId": channel.uploads_playlist, "maxResults": PAGE}
        pages = math.ceil(limit / PAGE) + _MORE_PAGES if limit > 0 else 0
        async for page in self._pages("uploads", "playlistItems", asked, pages):
            seen = [one for one in _shapes(answers.upload, page) if one is not None]
            found |= {video: None for video, at in seen if since is None or at >= since}
            # The list is in the order of uploading: one that was published later than its
            # neighbours does not end the look, a whole page of older ones does.
            older = since is not None and seen and max(at for _, at in seen) < since
            if older or len(found) >= limit:
                break
        return list(found)[:limit]

    async def videos(self, video_ids: Sequence[str]) -> list[Video]:
        """Those of the videos that exist, in the order asked for. 1 unit per 50."""
        return _shapes(answers.video, await self._items("video", "videos", _VIDEO, video_ids))

    async def quota(self) -> QuotaState:
        """The ledger of today.

        Raises:
            UnavailableError: Redis does not answer.
        """
        return await self._ledger.state()

    async def cached(self) -> CacheFigures:
        """Hits and misses of all who use this API's cache."""
        return await self._cache.figures()

    async def _by_name(self, asked: Mapping[str, str]) -> list[Channel]:
        page = await self._answer("channel", "channels", {**_CHANNEL, **asked})
        return _shapes(answers.channel, (page or {}).get("items", ()))

    async def _items(
        self, kind: Kind, method: Method, asked: Mapping[str, str], ids: Sequence[str]
    ) -> list[Item]:
        """The items that exist, in the order of the ids; each is asked for once."""
        wanted = list(dict.fromkeys(one for one in ids if _AN_ID.fullmatch(one)))
        known = await self._cache.items(kind, wanted)
        found: dict[str, Item | None] = {}
        if not self._fresh:
            found = {one: entry.value for one, entry in known.items() if entry.fresh}
        # Sorted: the same ones, asked for again, are the same batches.
        missing = sorted(one for one in wanted if one not in found)
        await self._cache.count(kind, hits=len(wanted) - len(missing), misses=len(missing))
        for start in range(0, len(missing), PAGE):
            batch = missing[start : start + PAGE]
            found |= await self._parted(kind, method, asked, batch, known)
        return [item for one in wanted if (item := found.get(one)) is not None]

    async def _parted(
        self,
        kind: Kind,
        method: Method,
        asked: Mapping[str, str],
        ids: list[str],
        known: Mapping[str, Entry],
    ) -> dict[str, Item | None]:
        """A batch; where it is refused for what is in it, without the ids that are to blame.

        Raises:
            RefusedError: it is not about single ids.
        """
        found: dict[str, Item | None] = {}
        refused: list[RefusedError] = []
        waiting = [ids]
        while waiting:
            part = waiting.pop()
            try:
                found |= await self._batch(kind, method, asked, part, known)
            except RefusedError as error:
                if error.status != 400 or error.reason in ABOUT_KEY or len(ids) == 1:
                    raise
                if len(part) > 1:
                    half = len(part) // 2
                    waiting += [part[half:], part[:half]]
                    continue
                refused.append(error)
                if len(refused) >= _REFUSED_ALONE and not found:
                    raise
                log.warning("an id is refused and left out", method=method, id=part[0])
        if refused and not found:
            raise refused[0]
        return found

    async def _batch(
        self,
        kind: Kind,
        method: Method,
        asked: Mapping[str, str],
        ids: list[str],
        known: Mapping[str, Entry],
    ) -> dict[str, Item | None]:
        question = {**asked, "id": ",".join(ids), "maxResults": PAGE}
        before = await self._cache.answer(kind, question)
        held = _held(before, known)
        body = await self._calls.ask(method, question, etag=held[0] if held else None)
        if body is None and held:
            await self._cache.count(kind, unchanged=1)
            items = held[1]
        else:
            items = {str(item.get("id")): item for item in _list(body)}
        found = {one: items.get(one) for one in ids}
        await self._cache.keep_items(kind, found)
        etag = held[0] if body is None and held else (body or {}).get("etag")
        if etag:
            batch = {"etag": etag, "items": pairs(items.values())}
            await self._cache.keep_answer(kind, question, batch)
        return found

    async def _pages(
        self, kind: Kind, method: Method, asked: Mapping[str, Any], most: int
    ) -> AsyncIterator[list[Item]]:
        """The pages of a list, so many at most; none where it is gone."""
        token: str | None = None
        afresh = False
        seen: set[str] = set()
        read = 0
        while read < most:
            question = {**asked, "pageToken": token} if token else asked
            try:
                page = await self._answer(kind, method, question, afresh=afresh)
            except RefusedError as error:
                if error.reason != "invalidPageToken" or token is None or afresh:
                    raise
                # Of a page that was remembered for longer than its token lasts: once more from
                # the first page, believing nothing. Who reads on leaves out what comes twice.
                log.info("a page token has run out: the list is read again", method=method)
                token, afresh, read = None, True, 0
                seen.clear()
                continue
            if page is None:
                return
            yield _list(page)
            read += 1
            token = page.get("nextPageToken")
            if not token or token in seen:
                return
            seen.add(token)

    async def _answer(
        self, kind: Kind, method: Method, asked: Mapping[str, Any], *, afresh: bool = False
    ) -> Item | None:
        """A whole answer, remembered or asked for; None where what is asked for is gone.

        Args:
            afresh: as if nothing were remembered.
        """
        before = await self._cache.answer(kind, asked)
        if afresh:
            return await self._look(kind, method, asked, None)
        if self._fresh:
            return await self._look(kind, method, asked, before)
        if COSTS[method] > 1 and not (before and before.fresh):
            # Many runs begin with the same searches: one pays for all.
            async with self._cache.alone(kind, asked):
                before = await self._cache.answer(kind, asked)
                return await self._remembered(kind, method, asked, before)
        return await self._remembered(kind, method, asked, before)

    async def _remembered(
        self, kind: Kind, method: Method, asked: Mapping[str, Any], before: Entry | None
    ) -> Item | None:
        if before is None or not before.fresh:
            return await self._look(kind, method, asked, before)
        await self._cache.count(kind, hits=1)
        return before.value

    async def _look(
        self, kind: Kind, method: Method, asked: Mapping[str, Any], before: Entry | None
    ) -> Item | None:
        await self._cache.count(kind, misses=1)
        old = before.value if before else None
        try:
            body = await self._calls.ask(method, asked, etag=old.get("etag") if old else None)
        except RefusedError as error:
            if error.status not in (403, 404) or error.reason not in _GONE:
                raise
            await self._cache.keep_answer(kind, asked, None)
            return None
        if body is None:
            await self._cache.count(kind, unchanged=1)
            body = old
        await self._cache.keep_answer(kind, asked, body)
        return body


def _held(before: Entry | None, known: Mapping[str, Entry]) -> tuple[str, dict[str, Item]] | None:
    """ETag and items of a batch, where every item is still at hand as it was in that batch."""
    if before is None or before.value is None:
        return None
    items: dict[str, Item] = {}
    for one, etag in before.value["items"]:
        entry = known.get(one)
        if entry is None or entry.value is None or str(entry.value.get("etag")) != etag:
            return None
        items[one] = entry.value
    return before.value["etag"], items


def _list(body: Item | None) -> list[Item]:
    """The items of an answer; the API leaves the list out where it is empty."""
    return [item for item in (body or {}).get("items") or () if isinstance(item, dict)]


def _shapes(make: Callable[[Item], _Shape], items: Iterable[Item]) -> list[_Shape]:
    found = []
    for item in items:
        try:
            found.append(make(item))
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            # One that cannot be read is none; the others are worth their units.
            identity = str(item.get("id"))[:200]
            log.warning("an item of the Data API is left out", id=identity, error=str(error))
    return found


def _is_local(endpoint: str) -> bool:
    return urlsplit(endpoint).hostname in ("127.0.0.1", "::1", "localhost")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
