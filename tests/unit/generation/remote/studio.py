"""Servers that speak providers' protocols, on a free port of this machine, faults and all."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from aiohttp import web

from streams.generation.providers.openai import OpenAIVideos
from streams.generation.providers.remote import Account, Api
from streams.generation.providers.replicate import Replicate
from streams.generation.providers.runway import Runway

Step = Literal["submit", "look", "video", "cancel", "probe"]
State = Literal["waiting", "working", "done", "refused", "broken", "cancelled", "odd"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
KEY = "sk-secret-0123456789"


@dataclass(frozen=True)
class Asked:
    """A question that came."""

    step: Step
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Studio(ABC):
    """A provider. Works go through `story`, one state for each question; the last one stays.

    Attributes:
        asked: every question so far.
        cancelled: works that were called off.
        mishaps: of a step, what happens instead of an answer, in turn.
        content: the video.
    """

    model: ClassVar[str]

    def __init__(self, content: bytes = b"") -> None:
        self.asked: list[Asked] = []
        self.works: dict[str, list[State]] = {}
        self.cancelled: list[str] = []
        self.mishaps: defaultdict[Step, list[Handler]] = defaultdict(list)
        self.story: list[State] = ["waiting", "working", "done"]
        self.content = content
        self.submitting = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        for method, path, step, handler in self.routes():
            app.router.add_route(method, path, self._step(step, handler))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @abstractmethod
    def routes(self) -> list[tuple[str, str, Step, Handler]]:
        """Method, path, step and handler of everything it answers."""

    @abstractmethod
    def told(self, work: str, state: State) -> dict[str, Any]:
        """A work in the protocol's words."""

    @abstractmethod
    def api(self, **changes: Any) -> Api:
        """Our side of the protocol."""

    def account(self, **changes: Any) -> Account:
        facts = {"url": self.url, "key": KEY, "model": self.model, "usd_per_second": 0.1}
        return Account(**{**facts, **changes})

    def steps(self, step: Step) -> list[Asked]:
        return [asked for asked in self.asked if asked.step == step]

    def begin(self) -> str:
        work = f"work-{len(self.works) + 1}"
        self.works[work] = list(self.story)
        return work

    async def submit(self, _: web.Request) -> web.StreamResponse:
        work = self.begin()
        return web.json_response(self.told(work, "waiting"))

    async def look(self, request: web.Request) -> web.StreamResponse:
        work = request.match_info["work"]
        if work not in self.works:
            return web.json_response({"error": {"message": "no such work"}}, status=404)
        story = self.works[work]
        return web.json_response(self.told(work, story.pop(0) if len(story) > 1 else story[0]))

    async def video(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=self.content, content_type="video/mp4")

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        self.cancelled.append(request.match_info["work"])
        return web.json_response({"id": request.match_info["work"]})

    async def probe(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"data": []})

    def _step(self, step: Step, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            path = request.path_qs
            self.asked.append(Asked(step, request.method, path, request.headers, body))
            if step == "submit":
                self.submitting.set()
            if self.mishaps[step]:
                return await self.mishaps[step].pop(0)(request)
            return await handler(request)

        return answer


def answers(status: int, body: bytes = b"{}", **headers: str) -> Handler:
    """Another answer than the right one."""

    async def answer(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(
            status=status, body=body, headers={"Content-Type": "application/json", **named}
        )

    return answer


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError("somebody waited")


async def breaks_off(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def half_of(content: bytes) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Length": str(len(content)), "Content-Type": "video/mp4"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


class OpenAIStudio(Studio):
    model = "sora-2"

    def routes(self) -> list[tuple[str, str, Step, Handler]]:
        return [
            ("POST", "/v1/videos", "submit", self.submit),
            ("GET", "/v1/videos", "probe", self.probe),
            ("GET", "/v1/videos/{work}", "look", self.look),
            ("GET", "/v1/videos/{work}/content", "video", self.video),
            ("DELETE", "/v1/videos/{work}", "cancel", self.cancel),
        ]

    def told(self, work: str, state: State) -> dict[str, Any]:
        words = {"waiting": "queued", "working": "in_progress", "done": "completed"}
        words |= {"refused": "failed", "broken": "failed", "cancelled": "failed"}
        error = None
        if state == "refused":
            error = {"code": "moderation_blocked", "message": "not this"}
        elif words.get(state) == "failed":
            error = {"code": "server_error", "message": "the studio burnt down"}
        return {
            "id": work,
            "object": "video",
            "status": words.get(state, "meditating"),
            "progress": 40 if state == "working" else 0,
            "model": self.model,
            "created_at": 1,
            "seconds": "4",
            "size": "720x1280",
            "error": error,
        }

    def api(self, **changes: Any) -> Api:
        return OpenAIVideos(self.account(url=f"{self.url}/v1", **changes))


class RunwayStudio(Studio):
    model = "gen4.5"

    def routes(self) -> list[tuple[str, str, Step, Handler]]:
        return [
            ("POST", "/v1/text_to_video", "submit", self.submit),
            ("GET", "/v1/tasks/{work}", "look", self.look),
            ("GET", "/files/{work}.mp4", "video", self.video),
            ("DELETE", "/v1/tasks/{work}", "cancel", self.cancel),
            ("GET", "/v1/organization", "probe", self.probe),
        ]

    async def submit(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"id": self.begin()})

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        await super().cancel(request)
        return web.Response(status=204)

    def told(self, work: str, state: State) -> dict[str, Any]:
        task: dict[str, Any] = {"id": work, "createdAt": "2026-11-01T00:00:00.000Z"}
        match state:
            case "waiting":
                return {**task, "status": "THROTTLED"}
            case "working":
                return {**task, "status": "RUNNING", "progress": 0.4}
            case "done":
                return {
                    **task,
                    "status": "SUCCEEDED",
                    "output": [f"{self.url}/files/{work}.mp4?_jwt=signed"],
                }
            case "refused":
                failure = {"failure": "not this", "failureCode": "SAFETY.INPUT.TEXT"}
                return {**task, "status": "FAILED", **failure}
            case "broken":
                failure = {
                    "failure": "the studio burnt down",
                    "failureCode": "INTERNAL.BAD_OUTPUT.CODE01",
                }
                return {**task, "status": "FAILED", **failure}
            case "cancelled":
                return {**task, "status": "CANCELLED"}
            case _:
                return {**task, "status": "MEDITATING"}

    async def probe(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"creditBalance": 100, "tier": {}, "usage": {}})

    def api(self, **changes: Any) -> Api:
        return Runway(self.account(**changes))


class ReplicateStudio(Studio):
    model = "bytedance/seedance-1-lite"

    def routes(self) -> list[tuple[str, str, Step, Handler]]:
        return [
            ("POST", f"/v1/models/{self.model}/predictions", "submit", self.submit),
            ("POST", "/v1/predictions", "submit", self.submit),
            ("GET", "/v1/predictions/{work}", "look", self.look),
            ("GET", "/files/{work}.mp4", "video", self.video),
            ("POST", "/v1/predictions/{work}/cancel", "cancel", self.cancel),
            ("GET", "/v1/account", "probe", self.probe),
        ]

    def told(self, work: str, state: State) -> dict[str, Any]:
        words = {"waiting": "starting", "working": "processing", "done": "succeeded"}
        words |= {"refused": "failed", "broken": "failed", "cancelled": "canceled"}
        errors = {
            "refused": "The input was flagged as sensitive. (E005)",
            "broken": "the studio burnt down",
        }
        return {
            "id": work,
            "model": self.model,
            "version": "hidden",
            "status": words.get(state, "meditating"),
            "input": {},
            "output": f"{self.url}/files/{work}.mp4" if state == "done" else None,
            "error": errors.get(state),
            "logs": " 20%|##        | 2/10\n 40%|####      | 4/10\n" if state == "working" else "",
            "metrics": {"predict_time": 4.2} if state == "done" else {},
        }

    def api(self, **changes: Any) -> Api:
        return Replicate(self.account(**changes))


STUDIOS: tuple[type[Studio], ...] = (OpenAIStudio, RunwayStudio, ReplicateStudio)
