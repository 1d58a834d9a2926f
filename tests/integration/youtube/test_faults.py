"""What goes wrong between here and the Data API, and what it costs."""

from __future__ import annotations

import datetime as dt
import gzip
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest

from streams.outliers.youtube.errors import QuotaExhaustedError, RefusedError, UnavailableError
from streams.outliers.youtube.pacific import next_midnight
from tests.integration.youtube.conftest import Room
from tests.integration.youtube.stand_in import (
    CUT,
    NOTHING,
    by_id,
    http,
    refusal,
    video,
)

Run = Callable[..., Any]

_WHOLE = gzip.compress(b'{"items": []}' * 20)
BROKEN_GZIP = http(200, _WHOLE[:-20], content_encoding="gzip")


@pytest.mark.parametrize(
    "fault",
    [
        refusal(500, "backendError"),
        http(503, b"<html>try later</html>"),
        refusal(403, "rateLimitExceeded"),
        refusal(403, "userRateLimitExceeded"),
        refusal(429, "RATE_LIMIT_EXCEEDED"),
        CUT,
        NOTHING,
        BROKEN_GZIP,
        http(200, b'{"items": [{"id"'),
        http(200, b"\xff\xfe"),
        http(200, b"null"),
    ],
    ids=[
        "500",
        "503 of no JSON",
        "rate",
        "user rate",
        "429",
        "cut",
        "nothing",
        "broken gzip",
        "half of JSON",
        "no text",
        "no object",
    ],
)
def test_what_may_pass_is_tried_again_and_each_try_pays(run: Run, fault: bytes) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["videos"] = by_id(video)
        room.api.faults = [fault, fault]
        async with room.client() as client:
            (found,) = await client.videos(["a"])
        assert found.views == 5
        assert len(room.api.asked) == 3
        assert await room.spent() == 3
        assert len(room.pauses) == 2
        assert all(0 <= pause <= most for pause, most in zip(room.pauses, (0.5, 1.0), strict=True))

    run(scenario)


def test_after_five_tries_it_says_so(run: Run) -> None:
    async def scenario(room: Room) -> None:
        room.api.faults = [refusal(500, "backendError")] * 9
        async with room.client() as client:
            with pytest.raises(UnavailableError, match=r"videos\.list in 5 tries, lastly: 500"):
                await client.videos(["a"])
        assert await room.spent() == len(room.api.asked) == 5

    run(scenario)


def test_it_waits_for_as_long_as_it_is_asked_to_within_reason(run: Run) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["videos"] = by_id(video)
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=20)
        room.api.faults = [
            refusal(503, "backendError", retry_after="7"),
            refusal(503, "backendError", retry_after=f"{soon:%a, %d %b %Y %H:%M:%S} GMT"),
            refusal(503, "backendError", retry_after="soon"),
        ]
        async with room.client() as client:
            await client.videos(["a"])
            assert room.pauses[0] == 7
            assert 10 < room.pauses[1] <= 20
            assert room.pauses[2] <= 2
            room.api.faults = [refusal(429, "rateLimitExceeded", retry_after="3600")]
            with pytest.raises(UnavailableError, match="left alone for 3600 s"):
                await client.videos(["b"])
        assert len(room.pauses) == 3

    run(scenario)


def test_what_never_left_is_given_back(run: Run) -> None:
    async def scenario(room: Room) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        room.settings = room.settings.model_copy(update={"youtube_api_endpoint": nobody})
        async with room.client() as client:
            with pytest.raises(UnavailableError, match="no connection"):
                await client.search_channels("x")
        assert await room.spent() == 0
        assert len(room.pauses) == 4

    run(scenario)


def test_the_apis_own_word_that_units_are_gone_ends_the_day(run: Run) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["videos"] = by_id(video)
        async with room.client() as client:
            await client.videos(["a"])
            room.api.faults = [refusal(403, "quotaExceeded")]
            before = dt.datetime.now(dt.UTC)
            with pytest.raises(QuotaExhaustedError) as refused:
                await client.videos(["b"])
            assert before < refused.value.resets_at <= next_midnight(before)
            with pytest.raises(QuotaExhaustedError) as refused:
                await client.videos(["c"])
            assert (refused.value.needed, refused.value.left) == (1, 0)
            assert len(room.api.asked) == 2
            assert (await client.videos(["a"]))[0].views == 5  # what is known is known
            state = await client.quota()
        assert state.exhausted
        assert set(state.left.values()) == {0}
        assert sum(state.spent.values()) == 2

    run(scenario)


def test_a_daily_limit_in_the_new_words_ends_the_day_too(run: Run) -> None:
    async def scenario(room: Room) -> None:
        limit = {"quota_limit": "defaultPerDayPerProject"}
        error = {
            "code": 429,
            "message": "Quota exceeded for quota metric 'Queries' and limit 'Queries per day'",
            "status": "RESOURCE_EXHAUSTED",
            "errors": [{"reason": "rateLimitExceeded"}],
            "details": [{"reason": "RATE_LIMIT_EXCEEDED", "metadata": limit}],
        }
        room.api.faults = [http(429, {"error": error})]
        async with room.client() as client:
            with pytest.raises(QuotaExhaustedError):
                await client.videos(["a"])
        assert len(room.api.asked) == 1

    run(scenario)


SEARCHES_GONE = (
    "Quota exceeded for quota metric 'Search Queries' and limit 'Search Queries per day' of "
    "service 'youtube.googleapis.com'"
)


@pytest.mark.parametrize(("searches", "units"), [(None, 101), (100, 1)])
def test_searches_that_are_gone_leave_the_rest(run: Run, searches: int | None, units: int) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["videos"] = by_id(video)
        room.api.faults = [refusal(429, "rateLimitExceeded", SEARCHES_GONE)]
        async with room.client() as client:
            for _ in range(2):
                with pytest.raises(QuotaExhaustedError):
                    await client.search_channels("x")
            assert len(await client.videos(["a"])) == 1
            state = await client.quota()
        assert room.api.methods == ["search", "videos"]
        assert sum(state.spent.values()) == units
        assert not state.exhausted
        assert state.searches_left == (None if searches is None else 0)

    run(scenario, youtube_searches_per_day=searches)


def test_searches_that_are_counted_apart_cost_no_units(run: Run) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["search"] = lambda query: {"items": []}
        async with room.client() as client:
            for number in range(2):
                await client.search_channels(f"x{number}")
            with pytest.raises(QuotaExhaustedError) as refused:
                await client.search_channels("x2")
            assert (refused.value.needed, refused.value.left) == (1, 0)
            state = await client.quota()
        assert (sum(state.spent.values()), state.searches_left) == (0, 0)
        assert room.api.methods == ["search"] * 2

    run(scenario, youtube_searches_per_day=2)


@pytest.mark.parametrize(
    ("status", "reason", "advice"),
    [
        (400, "keyInvalid", "set YOUTUBE_API_KEY"),
        (403, "accessNotConfigured", "enable 'YouTube Data API v3'"),
        (403, "ipRefererBlocked", "restricted"),
        (400, "invalidParameter", "refused"),
        (302, "http302", "it does not say why"),
    ],
)
def test_what_will_not_pass_is_not_tried_again(
    run: Run, status: int, reason: str, advice: str
) -> None:
    async def scenario(room: Room) -> None:
        body = refusal(status, reason) if status != 302 else http(302, b"", location="/else")
        room.api.faults = [body]
        async with room.client() as client:
            with pytest.raises(RefusedError, match=advice) as refused:
                await client.videos(["a"])
        assert (refused.value.status, refused.value.reason) == (status, reason)
        assert await room.spent() == len(room.api.asked) == 1

    run(scenario)


def test_the_key_is_in_no_message_and_no_log(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(room: Room) -> None:
        key = room.settings.youtube_api_key
        assert key is not None
        secret = key.get_secret_value()
        room.api.answers["videos"] = by_id(video)
        said = []
        with caplog.at_level(logging.DEBUG):
            async with room.client() as client:
                room.api.faults = [
                    CUT,
                    refusal(400, "keyInvalid", f"API key not valid: {secret} in ?key={secret}"),
                ]
                with pytest.raises(RefusedError) as refused:
                    await client.videos(["a"])
                said.append(f"{refused.value} {refused.value!r} {refused.value.__cause__}")
                room.api.faults = [NOTHING] * 5
                with pytest.raises(UnavailableError) as away:
                    await client.videos(["a"])
                said.append(f"{away.value} {away.value.__cause__} {away.value.__context__}")
        assert room.api.asked[0].query["key"] == secret
        assert any("key=***" in record.getMessage() for record in caplog.records)
        assert secret not in caplog.text
        assert secret not in "".join(said)
        assert "***" in said[0]

    run(scenario)


def test_without_a_key_it_says_which_setting_is_missing(run: Run) -> None:
    async def scenario(room: Room) -> None:
        here = {"youtube_api_key": None, "youtube_api_endpoint": None}
        room.settings = room.settings.model_copy(update=here)
        async with room.client() as client:
            with pytest.raises(RefusedError, match="set YOUTUBE_API_KEY"):
                await client.videos(["a"])

    run(scenario)


def test_a_server_of_this_machine_needs_no_key(run: Run) -> None:
    async def scenario(room: Room) -> None:
        room.api.answers["videos"] = by_id(video)
        async with room.client() as client:
            assert len(await client.videos(["a"])) == 1
        assert room.api.asked[0].query["key"] == "local"

    run(scenario, youtube_api_key=None)


def test_without_redis_nothing_is_asked(run: Run) -> None:
    async def scenario(room: Room) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            nobody = f"redis://127.0.0.1:{taken.getsockname()[1]}/0"
        room.settings = room.settings.model_copy(update={"redis_url": nobody})
        async with room.client() as client:
            with pytest.raises(UnavailableError, match="Redis does not answer"):
                await client.videos(["a"])
            with pytest.raises(UnavailableError, match="Redis does not answer"):
                await client.quota()
        assert room.api.asked == []

    run(scenario)
