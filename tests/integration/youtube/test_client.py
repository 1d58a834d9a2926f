"""The client against a server that answers as told: what is asked for, and what is not."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from streams.outliers.youtube.errors import RefusedError
from streams.outliers.youtube.quota import counted
from tests.integration.youtube.conftest import Room
from tests.integration.youtube.stand_in import (
    CHANNEL,
    Body,
    by_id,
    channel,
    http,
    refusal,
    video,
)

Run = Callable[..., Any]


def paged(items: list[Body], size: int = 50) -> Callable[[Mapping[str, str]], Body]:
    """A list in pages whose tokens are offsets."""

    def answer(query: Mapping[str, str]) -> Body:
        start = int(query.get("pageToken", "p0").removeprefix("p"))
        body: Body = {"items": items[start : start + size]}
        if start + size < len(items):
            body["nextPageToken"] = f"p{start + size}"
        return body

    return answer


def upload(identity: str, day: int | None) -> Body:
    details: Body = {"videoId": identity}
    if day is not None:
        details["videoPublishedAt"] = f"2024-05-{day:02d}T00:00:00Z"
    return {"contentDetails": details}


def test_ids_are_asked_for_in_fifties_and_answered_in_their_order(run: Run) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["videos"] = by_id(video, "v7")
        ids = [f"v{number}" for number in reversed(range(120))]
        async with room.client() as client:
            with counted() as units:
                found = await client.videos([*ids, "v3"])
        assert [one.video_id for one in found] == [one for one in ids if one != "v7"]
        assert room.api.methods == ["videos"] * 3
        assert units.spent == await room.spent() == 3

    run(scenario)


def test_only_what_is_not_remembered_is_asked_for(run: Run) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["videos"] = by_id(video, "gone")
        async with room.client() as client:
            await client.videos(["a", "b", "gone"])
            found = await client.videos(["c", "gone", "b", "a"])
            assert [one.video_id for one in found] == ["c", "b", "a"]
            assert [one.query["id"] for one in room.api.asked] == ["a,b,gone", "c"]
            figures = await client.cached()
        assert figures.hits["video"] == 3
        assert figures.misses["video"] == 4
        assert figures.hit_ratio == 3 / 7
        assert await room.spent() == 2

    run(scenario)


def test_another_process_remembers_it_too_but_not_of_another_server(run: Run) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["channels"] = by_id(channel)
        async with room.client() as client:
            await client.channels([CHANNEL])
        async with room.client() as client:
            assert (await client.channels([CHANNEL]))[0].subscribers == 1000
        assert len(room.api.asked) == 1

    run(scenario)


def test_who_wants_to_see_growth_looks_each_time_and_saves_the_body(run: Run) -> None:
    async def scenario(room: Room) -> None:
        views = {"a": 5, "b": 6}
        room.api.answers["videos"] = by_id(lambda one: video(one, views[one]))
        async with room.client(fresh=True) as client:
            first = await client.videos(["a", "b"])
            assert await client.videos(["b", "a"]) == first[::-1]
            assert "if-none-match" not in room.api.asked[0].headers
            assert "if-none-match" in room.api.asked[1].headers
            assert (await client.cached()).unchanged["video"] == 1
            views["a"] = 50
            assert [one.views for one in await client.videos(["a", "b"])] == [50, 6]
        async with room.client() as client:
            assert (await client.videos(["a"]))[0].views == 50
        assert await room.spent() == len(room.api.asked) == 3

    run(scenario)


def test_an_etag_is_not_offered_where_an_item_is_known_from_elsewhere(run: Run) -> None:
    """The answer "unchanged" would be of an item that is not at hand any more."""

    async def scenario(room: Room) -> None:
        views = {"a": 5, "b": 6}
        room.api.answers["videos"] = by_id(lambda one: video(one, views[one]))
        async with room.client(fresh=True) as client:
            await client.videos(["a", "b"])
            views["a"] = 7
            await client.videos(["a"])
            views["a"] = 5
            assert [one.views for one in await client.videos(["a", "b"])] == [5, 6]
        assert "if-none-match" not in room.api.asked[2].headers

    run(scenario)


def test_a_search_pages_until_there_are_enough_and_resolves_entities(run: Run) -> None:
    async def scenario(room: Room) -> None:
        hits = [
            {
                "id": {"kind": "youtube#channel", "channelId": f"UC{number:022d}"},
                "snippet": {
                    "title": "Tom &amp; J&#39;s &quot;игры&quot;",
                    "description": "a &lt;3",
                },
            }
            for number in range(120)
        ]
        room.api.answers["search"] = paged([*hits[:10], *hits])
        async with room.client() as client:
            found = await client.search_channels(" family gaming ", limit=60)
            assert [one.channel_id for one in found] == [f"UC{n:022d}" for n in range(60)]
            assert found[0].title == 'Tom & J\'s "игры"'
            assert found[0].description == "a <3"
            await client.search_channels("family gaming", limit=60)
            assert await client.search_channels("family gaming", limit=0) == []
            with pytest.raises(RefusedError, match="at least one word"):
                await client.search_channels("  ")
        assert room.api.methods == ["search"] * 2
        assert room.api.asked[0].query["q"] == "family gaming"
        assert await room.spent() == 200

    run(scenario)


def test_runs_that_begin_with_the_same_search_pay_for_it_once(run: Run) -> None:
    async def scenario(room: Room) -> None:
        found = {"items": [{"id": {"channelId": CHANNEL}, "snippet": {"title": "t"}}]}
        room.api.answers["search"] = lambda query: found
        async with room.client() as one, room.client() as other:
            both = [client.search_channels("same") for client in (one, other) for _ in range(10)]
            each = await asyncio.gather(*both, one.search_channels("another"))
            assert {hit.channel_id for hits in each for hit in hits} == {CHANNEL}
        assert sorted(asked.query["q"] for asked in room.api.asked) == ["another", "same"]
        assert await room.spent() == 200

    run(scenario)


def test_a_search_that_failed_lets_the_next_one_try(run: Run) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["search"] = lambda query: {"items": []}
        room.api.faults = [refusal(400, "invalidParameter")]
        async with room.client() as client:
            ends = await asyncio.gather(
                client.search_channels("x"), client.search_channels("x"), return_exceptions=True
            )
        assert sorted(type(end).__name__ for end in ends) == ["RefusedError", "list"]
        assert len(room.api.asked) == 2

    run(scenario)


def test_uploads_are_read_to_the_limit_or_to_the_day(run: Run) -> None:
    async def scenario(room: Room) -> None:
        list_ = [upload(f"v{n}", 31 - n // 5) for n in range(130)]
        list_[3] = upload("private", None)
        room.api.answers["channels"] = by_id(channel)
        room.api.answers["playlistItems"] = paged(list_)
        async with room.client() as client:
            (one,) = await client.channels([CHANNEL])
            room.api.asked.clear()
            assert await client.uploads(one, limit=4) == ["v0", "v1", "v2", "v4"]
            assert room.api.methods == ["playlistItems"]
            assert room.api.asked[0].query["playlistId"] == "UU" + "a" * 22
            assert len(await client.uploads(one, limit=1000)) == 129
            assert len(room.api.asked) == 3
            since = dt.datetime(2024, 5, 30, tzinfo=dt.UTC)
            room.api.asked.clear()
            assert await client.uploads(one, limit=99, since=since) == [
                f"v{n}" for n in range(10) if n != 3
            ]

    run(scenario)


def test_a_channel_without_videos_has_no_uploads(run: Run) -> None:
    async def scenario(room: Room) -> None:
        bare = {**channel(), "contentDetails": {}}
        room.api.answers["channels"] = lambda query: {"items": [bare]}
        room.api.answers["playlistItems"] = lambda query: refusal(404, "playlistNotFound")
        async with room.client() as client:
            (one,) = await client.channels([CHANNEL])
            assert one.uploads_playlist is None
            assert await client.uploads(one, limit=5) == []
            assert room.api.methods == ["channels"]
        room.api.answers["channels"] = by_id(channel)
        async with room.client(fresh=True) as client:
            (one,) = await client.channels([CHANNEL])
            assert await client.uploads(one, limit=5) == []
        assert room.api.methods == ["channels", "channels", "playlistItems"]

    run(scenario)


def test_short_pages_are_not_made_up_for(run: Run) -> None:
    async def scenario(room: Room) -> None:
        hits = [
            {"id": {"channelId": f"UC{number:022d}"}, "snippet": {"title": "t"}}
            for number in range(40)
        ]
        room.api.answers["search"] = paged(hits, size=4)
        room.api.answers["channels"] = by_id(channel)
        room.api.answers["playlistItems"] = paged([upload(f"v{n}", 1) for n in range(40)], size=4)
        async with room.client() as client:
            assert len(await client.search_channels("x", limit=50)) == 4
            assert len(await client.search_channels("y", limit=51)) == 8
            assert room.api.methods == ["search"] * 3
            (one,) = await client.channels([CHANNEL])
            room.api.asked.clear()
            assert len(await client.uploads(one, limit=50)) == 20
            assert room.api.methods == ["playlistItems"] * 5

    run(scenario)


def test_an_item_that_cannot_be_read_is_left_out(run: Run) -> None:
    async def scenario(room: Room) -> None:
        good = {"id": {"channelId": CHANNEL}, "snippet": {"title": "t"}}
        wrong: list[Body] = [
            {"id": "UC"},
            {"id": {"channelId": 5}},
            {"id": {"channelId": "UCx"}, "snippet": {"title": 5}},
        ]
        items = [
            {"contentDetails": "none"},
            {"contentDetails": {"videoId": 5, "videoPublishedAt": "2024-05-01T00:00:00Z"}},
            {"contentDetails": {"videoId": "v", "videoPublishedAt": "yesterday"}},
            {"contentDetails": {"videoId": "v", "videoPublishedAt": "0001-01-01T00:00:00+14:00"}},
        ]
        room.api.answers["search"] = lambda query: {"items": [*wrong, good]}
        room.api.answers["channels"] = by_id(channel)
        room.api.answers["playlistItems"] = lambda query: {"items": [*items, upload("good", 1)]}
        async with room.client() as client:
            assert [one.channel_id for one in await client.search_channels("x")] == [CHANNEL]
            (one,) = await client.channels([CHANNEL])
            assert await client.uploads(one, limit=50) == ["good"]

    run(scenario)


def test_an_id_that_is_refused_takes_no_other_with_it(run: Run) -> None:
    async def scenario(room: Room) -> None:
        answers = by_id(channel)

        def refuses(query: Mapping[str, str]) -> Body | bytes:
            bad = "UCbad" in query["id"].split(",")
            return refusal(400, "invalidParameter") if bad else answers(query)

        room.api.answers["channels"] = refuses
        ids = [f"UC{number:022d}" for number in range(49)]
        async with room.client() as client:
            found = await client.channels(["UCbad", *ids, "UC1,UC2", "UC\0", ""])
            assert [one.channel_id for one in found] == ids
            asked = {one for each in room.api.asked for one in each.query["id"].split(",")}
            assert asked == {*ids, "UCbad"}
            assert len(room.api.asked) <= 13
            with pytest.raises(RefusedError):
                await client.channels(["UCbad"])

    run(scenario)


@pytest.mark.parametrize(
    ("reason", "calls"), [("keyInvalid", 1), ("API_KEY_INVALID", 1), ("invalidParameter", 9)]
)
def test_a_refusal_of_whatever_is_asked_is_not_looked_for_in_the_ids(
    run: Run, reason: str, calls: int
) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["channels"] = lambda query: refusal(400, reason)
        async with room.client() as client:
            with pytest.raises(RefusedError):
                await client.channels([f"UC{number:022d}" for number in range(50)])
        assert len(room.api.asked) <= calls

    run(scenario)


@pytest.mark.parametrize("status", [403, 404])
def test_uploads_that_nobody_may_see_are_none(run: Run, status: int) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["channels"] = by_id(channel)
        room.api.answers["playlistItems"] = lambda query: refusal(
            status, "playlistItemsNotAccessible"
        )
        async with room.client() as client:
            (one,) = await client.channels([CHANNEL])
            assert await client.uploads(one, limit=50) == []

    run(scenario)


def test_a_page_token_that_has_run_out_begins_the_list_again_once(run: Run) -> None:
    async def scenario(room: Room) -> None:
        pages = paged([upload(f"v{n}", 1) for n in range(60)])
        room.api.answers["channels"] = by_id(channel)
        room.api.answers["playlistItems"] = pages
        async with room.client() as client:
            (one,) = await client.channels([CHANNEL])
            room.api.faults = [http(200, pages({})), refusal(400, "invalidPageToken")]
            assert await client.uploads(one, limit=100) == [f"v{n}" for n in range(60)]
            tokens = [asked.query.get("pageToken") for asked in room.api.asked[1:]]
            assert tokens == [None, "p50", None, "p50"]

        def refuses(query: Mapping[str, str]) -> Body | bytes:
            return refusal(400, "invalidPageToken") if "pageToken" in query else pages(query)

        room.api.answers["playlistItems"] = refuses
        async with room.client(fresh=True) as client:
            with pytest.raises(RefusedError, match="page tokens do not last"):
                await client.uploads(one, limit=100)

    run(scenario)


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        (CHANNEL, "id", CHANNEL),
        (f"https://www.youtube.com/channel/{CHANNEL}/videos", "id", CHANNEL),
        ("@Зал.Игр", "forHandle", "@Зал.Игр"),
        ("https://youtube.com/@some-one/featured?x=1", "forHandle", "@some-one"),
        ("m.youtube.com/user/Some1", "forUsername", "Some1"),
    ],
)
def test_a_channel_is_found_by_what_people_call_it(
    run: Run, name: str, parameter: str, value: str
) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["channels"] = lambda query: {"items": [channel()]}
        async with room.client() as client:
            found = await client.channel_named(name)
        assert found is not None
        assert found.channel_id == CHANNEL
        assert room.api.asked[0].query[parameter] == value
        assert await room.spent() == 1

    run(scenario)


def test_a_bare_word_is_a_handle_or_else_a_user(run: Run) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["channels"] = lambda query: (
            {"items": [channel()]} if "forUsername" in query else {"pageInfo": {"totalResults": 0}}
        )
        async with room.client() as client:
            assert await client.channel_named("someone") is not None
            assert await client.channel_named("@someone") is None
        assert [("forHandle" in one.query) for one in room.api.asked] == [True, False]

    run(scenario)
