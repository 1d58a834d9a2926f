"""Writes that are sent again: done once, answered the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.metrics import Metrics
from api.once import keeping, middleware
from api.once.keeping import Answer, Found, Kept, Turn
from api.once.middleware import Idempotency
from infra.settings import Settings
from streams.identity.principal import installation
from tests.integration.api.conftest import KEY, Api, serving
from tests.integration.api.stand_in import StandInModels

Make = Callable[[str], str]
Send_ = Callable[[], Coroutine[Any, Any, httpx.Response]]
EVENTS = "/api/v1/events/engagement.events.v1"


def view(video: str, **facts: Any) -> dict[str, Any]:
    return {"video_id": video, "channel_id": "c", "viewer_id": "u", "kind": "view", **facts}


def sent(client: httpx.Client, key: str, video: str, **headers: str) -> httpx.Response:
    return client.post(EVENTS, json=view(video), headers={"Idempotency-Key": key, **headers})


def test_a_write_that_comes_again_has_the_same_answer_and_is_not_done_again(
    api: Api, unique: Make
) -> None:
    key, video = unique("key"), unique("video")
    first = sent(api.client, key, video)
    again = sent(api.client, key, video)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.content == first.content
    assert again.headers["X-Event-Position"] == first.headers["X-Event-Position"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]


def test_a_repeat_may_have_it_compressed_or_not(api: Api, unique: Make) -> None:
    events = [view(unique("video")) for _ in range(60)]
    key = unique("key")
    answers = [
        api.client.post(
            EVENTS, json=events, headers={"Idempotency-Key": key, "Accept-Encoding": encoding}
        )
        for encoding in ("gzip", "identity")
    ]
    assert [one.headers.get("Content-Encoding") for one in answers] == ["gzip", None]
    assert answers[0].content == answers[1].content


def test_the_key_of_another_request_is_refused(api: Api, unique: Make) -> None:
    key = unique("key")
    assert sent(api.client, key, "a").status_code == 202
    other = sent(api.client, key, "b")
    assert (other.status_code, other.json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert sent(api.client, key, "b", **{"X-User-ID": "anna"}).status_code == 202


def test_many_at_once_are_one_event(api: Api, unique: Make) -> None:
    key, video = unique("key"), unique("video")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sent(api.client, key, video), range(8)))
    assert {one.status_code for one in answers} == {202}
    assert len({one.content for one in answers}) == 1
    assert len({one.headers["X-Event-Position"] for one in answers}) == 1


def test_what_was_refused_is_asked_anew(api: Api, unique: Make) -> None:
    key, video = unique("key"), unique("video")
    headers = {"Idempotency-Key": key}
    wrong = api.client.post(EVENTS, json=view(video, watch_ms=-1), headers=headers)
    assert (wrong.status_code, wrong.json()["error_code"]) == (422, "INVALID_EVENT")
    assert sent(api.client, key, video).status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    answer = sent(api.client, key, "v")
    assert (answer.status_code, answer.json()["error_code"]) == (422, "VALIDATION_ERROR")


def test_without_redis_the_ids_still_follow_from_the_key(api: Api, unique: Make) -> None:
    settings = api.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    key = {"Idempotency-Key": unique("key")}
    body = {"title": "Test Video", "duration": 300, "upload_date": "2024-01-15"}
    with (
        serving(settings, StandInModels()) as url,
        httpx.Client(base_url=url, headers={"X-API-Key": KEY}, timeout=60) as client,
    ):
        answers = [client.post("/api/v1/predict", json=body, headers=key) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert len({one.json()["prediction_id"] for one in answers}) == 1
    assert all("Idempotent-Replayed" not in one.headers for one in answers)


class Small:
    """A small application behind the same middleware, whose one route can be held up."""

    def __init__(self, redis: Redis) -> None:
        self.done = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.begun = asyncio.Event()
        self.headers: dict[str, str] = {}
        self.status = 200
        self.app = Starlette(routes=[Route("/api/v1/do", self._do, methods=["POST"])])
        self.app.state.services = self
        self.kept = Kept(redis)
        self.app.add_middleware(Idempotency, metrics=Metrics())
        self.app.add_middleware(_Known)

    async def _do(self, request: Request) -> Response:
        self.done += 1
        number = self.done
        self.begun.set()
        await self.may_end.wait()
        return JSONResponse({"number": number}, self.status, self.headers)


class _Known:
    """As behind the door."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {}).update(request_id="r", principal=installation())
        await self.app(scope, receive, send)


def playing(settings: Settings, play: Callable[[Small, Send_], Awaitable[None]], key: str) -> None:
    """A play with an application, and with what sends one request to it."""

    async def run() -> None:
        async with Redis.from_url(settings.redis_url or "", socket_timeout=5) as redis:
            small = Small(redis)
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(small.app), base_url="http://x", timeout=60
            ) as client:

                async def send() -> httpx.Response:
                    return await client.post("/api/v1/do", headers={"Idempotency-Key": key})

                await play(small, send)

    asyncio.run(run())


def test_who_comes_while_it_is_done_waits_and_then_is_told_to_come_back(
    provisioned: Settings, unique: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(small: Small, send: Send_) -> None:
        small.may_end.clear()
        first = asyncio.create_task(send())
        await small.begun.wait()
        monkeypatch.setattr(middleware, "WAIT_SECONDS", 0.0)
        early = await send()
        assert (early.status_code, early.headers["Retry-After"]) == (409, "1")
        assert early.json()["error_code"] == "IDEMPOTENCY_IN_PROGRESS"
        monkeypatch.setattr(middleware, "WAIT_SECONDS", 60.0)
        waiting = asyncio.create_task(send())
        await asyncio.sleep(0.1)
        small.may_end.set()
        assert (await waiting).content == (await first).content
        assert small.done == 1

    playing(provisioned, play, unique("key"))


def test_what_a_process_that_died_had_begun_is_done_by_the_next(
    provisioned: Settings, unique: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_LEASE_MS", 400)
    monkeypatch.setattr(keeping, "LEASE_SECONDS", 0.3)

    async def play(small: Small, send: Send_) -> None:
        turn = await small.kept.claim("key", key)
        assert isinstance(turn, Turn)
        holding = asyncio.create_task(small.kept.hold(turn))
        await asyncio.sleep(1)
        assert await small.kept.claim("key", key) == Found(same=True, answer=None)
        holding.cancel()  # as after a kill -9: nobody gives it back
        async with asyncio.timeout(60):
            while not isinstance(await small.kept.claim("key", key), Turn):
                await asyncio.sleep(0.05)
        assert not await small.kept.settle(turn, Answer(200, (), b"late"))

    key = unique("key")
    playing(provisioned, play, key)


def test_an_answer_with_a_secret_is_not_kept_and_not_made_twice(
    provisioned: Settings, unique: Make
) -> None:
    async def play(small: Small, send: Send_) -> None:
        small.headers = {"Cache-Control": "no-store"}
        assert (await send()).json() == {"number": 1}
        again = await send()
        assert again.json()["error_code"] == "IDEMPOTENCY_ANSWER_NOT_KEPT"
        assert small.done == 1

    playing(provisioned, play, unique("key"))


def test_after_a_failure_the_next_try_is_a_new_one(provisioned: Settings, unique: Make) -> None:
    async def play(small: Small, send: Send_) -> None:
        small.status = 503
        assert (await send()).status_code == 503
        small.status = 200
        assert (await send()).json() == {"number": 2}
        assert (await send()).json() == {"number": 2}

    playing(provisioned, play, unique("key"))
