"""The client against the local Data API: its ledger, the server's own, and a sum by hand."""

from __future__ import annotations

import asyncio
import datetime as dt
import math

import pytest
from redis.asyncio import Redis

from infra.settings import Settings
from streams.outliers.youtube.client import YouTubeClient
from streams.outliers.youtube.errors import QuotaExhaustedError, UnavailableError
from streams.outliers.youtube.pacific import next_midnight
from streams.outliers.youtube.quota import POLLER, counted
from streams.outliers.youtube.shapes import Channel
from tests.fix_youtube import YouTubeLocal

QUERY = "family gaming funny moments"
NOON = dt.datetime(2026, 7, 14, 19, tzinfo=dt.UTC)


@pytest.fixture
def key(local_settings: Settings) -> str:
    assert local_settings.youtube_api_key is not None
    return local_settings.youtube_api_key.get_secret_value()


@pytest.fixture(autouse=True)
def forgets(local_settings: Settings) -> None:
    """The server is the worker's for all its tests, and so would be what is remembered of it."""

    async def forget() -> None:
        async with YouTubeClient.from_settings(local_settings) as client:
            redis: Redis = client._cache._redis
            async for name in redis.scan_iter(f"{client._cache._prefix}:*"):
                await redis.delete(name)

    asyncio.run(forget())


async def spent(client: YouTubeClient) -> int:
    return sum((await client.quota()).spent.values())


async def discover(client: YouTubeClient, videos_of: int) -> list[Channel]:
    """As an analysis does: a search, its channels, and the newest videos of some of them."""
    hits = await client.search_channels(QUERY, limit=50)
    channels = await client.channels([hit.channel_id for hit in hits])
    for channel in channels[:videos_of]:
        await client.videos(await client.uploads(channel, limit=15))
    return channels


def test_units_are_those_of_the_server_and_of_a_sum_by_hand(
    youtube_local: YouTubeLocal, local_settings: Settings, key: str
) -> None:
    async def scenario() -> None:
        async with YouTubeClient.from_settings(local_settings) as client:
            with counted() as units:
                channels = await discover(client, 20)
            with_videos = sum(bool(one.videos) for one in channels[:20])
            # A search of one page; fifty channels; a page of uploads each, also of those whose
            # list is empty; and one list of videos for each that has some.
            by_hand = 100 + 1 + 20 + with_videos
            assert units.spent == await spent(client) == youtube_local.spent(key) == by_hand
            with counted() as again:
                assert await discover(client, 20) == channels
            assert again.spent == 0
            assert youtube_local.spent(key) == by_hand

    asyncio.run(scenario())


def test_twenty_at_once_count_their_own_and_together_what_the_server_counts(
    youtube_local: YouTubeLocal, local_settings: Settings, key: str
) -> None:
    async def scenario() -> None:
        async with YouTubeClient.from_settings(local_settings, fresh=True) as client:

            async def one(number: int) -> int:
                with counted() as units:
                    found = await client.search_channels(f"gaming {number % 3}", limit=5)
                    await client.channels([hit.channel_id for hit in found])
                return units.spent

            each = await asyncio.gather(*(one(number) for number in range(20)))
            assert set(each) <= {100, 101}
            assert sum(each) == await spent(client) == youtube_local.spent(key)

    asyncio.run(scenario())


def test_thousands_of_uploads_are_read_to_the_end(
    youtube_local: YouTubeLocal, local_settings: Settings, key: str
) -> None:
    async def scenario() -> None:
        youtube_local.clock(key, at=NOON)
        async with YouTubeClient.from_settings(local_settings) as client:
            huge = None
            for query in ("gaming", "music", "news", QUERY):
                hits = await client.search_channels(query, limit=50)
                channels = await client.channels([hit.channel_id for hit in hits])
                huge = max([*channels, *([huge] if huge else [])], key=lambda one: one.videos or 0)
            assert huge is not None
            assert huge.videos is not None
            assert huge.videos > 500
            with counted() as units:
                ids = await client.uploads(huge, limit=100_000)
            assert len(ids) == len(set(ids)) == huge.videos
            assert units.spent >= math.ceil(huge.videos / 50)  # private ones are in the list too
            videos = await client.videos(ids[:120])
            assert [one.video_id for one in videos] == ids[:120]
            assert {one.channel_id for one in videos} == {huge.channel_id}
            newest = [one.published_at for one in videos]
            since = newest[60]
            assert await client.uploads(huge, limit=1000, since=since) == [
                one.video_id for one in videos if one.published_at >= since
            ]

    asyncio.run(scenario())


def test_a_poller_sees_growth_and_saves_bodies_where_nothing_grew(
    youtube_local: YouTubeLocal, local_settings: Settings, key: str
) -> None:
    async def scenario() -> None:
        async with YouTubeClient.from_settings(
            local_settings, purpose=POLLER, fresh=True
        ) as client:
            youtube_local.clock(key, at=NOON)
            hits = await client.search_channels(QUERY, limit=10)
            channels = await client.channels([hit.channel_id for hit in hits])
            channel = next(one for one in channels if (one.videos or 0) > 50)
            ids = await client.uploads(channel, limit=20)
            first = await client.videos(ids)
            assert await client.videos(ids) == first
            assert (await client.cached()).unchanged["video"] == 1
            youtube_local.clock(key, at=NOON + dt.timedelta(days=2))
            later = {one.video_id: one.views for one in await client.videos(ids)}
            assert any((later[one.video_id] or 0) > (one.views or 0) for one in first)
            assert (await client.quota()).spent[POLLER] == youtube_local.spent(key) + 104

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["cut", "garbled", "server_error", "rate_limit"])
def test_faults_of_the_server_are_got_over(
    youtube_local: YouTubeLocal, local_settings: Settings, key: str, kind: str
) -> None:
    async def scenario() -> None:
        async with YouTubeClient.from_settings(local_settings) as client:
            client._calls._sleep = lambda seconds: asyncio.sleep(0)
            hits = await client.search_channels(QUERY, limit=3)
            youtube_local.faults(kind, 2, key=key)
            channels = await client.channels([hit.channel_id for hit in hits])
            assert [one.channel_id for one in channels] == [hit.channel_id for hit in hits]
            assert await spent(client) == youtube_local.spent(key) == 100 + 3

    asyncio.run(scenario())


def test_a_server_that_hangs_is_given_up(
    youtube_local: YouTubeLocal, local_settings: Settings, key: str
) -> None:
    async def scenario() -> None:
        async with YouTubeClient.from_settings(local_settings, tries=2) as client:
            client._calls._sleep = lambda seconds: asyncio.sleep(0)
            client._calls._timeout = 0.2
            youtube_local.faults("hang", 2, key=key, seconds=1.0)
            with pytest.raises(UnavailableError, match=r"2 tries, lastly: .*ReadTimeout"):
                await client.videos(["a"])
            assert await spent(client) == 2  # the server may have counted them

    asyncio.run(scenario())


def test_units_that_end_half_way_go_on_the_next_day_where_they_ended(
    youtube_local: YouTubeLocal, local_settings: Settings, key: str
) -> None:
    async def scenario() -> None:
        settings = local_settings.model_copy(update={"youtube_quota_per_day": 110})
        async with YouTubeClient.from_settings(settings) as client:
            now = NOON
            client._ledger._clock = lambda: now
            youtube_local.clock(key, at=now)
            with pytest.raises(QuotaExhaustedError) as ended:
                await discover(client, 20)
            assert ended.value.resets_at == next_midnight(now)
            assert await spent(client) == youtube_local.spent(key) == 110
            now = ended.value.resets_at
            youtube_local.clock(key, at=now)
            channels = await discover(client, 20)
            with_videos = sum(bool(one.videos) for one in channels[:20])
            assert 110 + await spent(client) == 100 + 1 + 20 + with_videos

    asyncio.run(scenario())


def test_the_servers_own_end_of_units_is_believed(
    youtube_local: YouTubeLocal, local_settings: Settings, key: str
) -> None:
    """Another program may use the same key."""

    async def scenario() -> None:
        youtube_local.quota(key, limit=50)
        async with YouTubeClient.from_settings(local_settings) as client:
            with pytest.raises(QuotaExhaustedError):
                await client.search_channels(QUERY)
            with pytest.raises(QuotaExhaustedError):
                await client.videos(["a"])
            assert (await client.quota()).exhausted
            assert youtube_local.account(key)["calls"] == {}

    asyncio.run(scenario())
