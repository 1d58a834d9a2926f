"""A server on loopback that answers as told, byte by byte: for what a real one rarely does."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Body = dict[str, Any]
CHANNEL = "UC" + "a" * 22
START = "2024-05-01T10:00:00Z"


@dataclass
class Asked:
    """A request that came in."""

    method: str
    query: dict[str, str]
    headers: dict[str, str]


def http(status: int, body: bytes | Body, **headers: str) -> bytes:
    """A whole response."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Told", f"content-length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def refusal(status: int, reason: str, message: str = "no", **headers: str) -> bytes:
    """An error as Google words it."""
    error = {"code": status, "message": message, "errors": [{"reason": reason}]}
    return http(status, {"error": error}, **headers)


CUT = http(200, b'{"items": [' + b" " * 200)[:-150]  # fewer bytes than it says, then the end
NOTHING = b""  # the connection is closed without an answer


@dataclass
class StandIn:
    """What it answers, and what it was asked.

    Attributes:
        faults: raw responses that the next requests get, one each.
        answers: by method, a function of the query that makes the body, or a raw response.
    """

    endpoint: str = ""
    faults: list[bytes] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, Callable[[Mapping[str, str]], Body | bytes]] = field(default_factory=dict)

    @property
    def methods(self) -> list[str]:
        return [one.method for one in self.asked]

    def respond(self, asked: Asked) -> bytes:
        self.asked.append(asked)
        if self.faults:
            return self.faults.pop(0)
        answer = self.answers[asked.method](asked.query)
        if isinstance(answer, bytes):
            return answer
        etag = hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()[:20]
        if asked.headers.get("if-none-match") == f'"{etag}"':
            return http(304, b"")
        return http(200, {"etag": etag, **answer})


@asynccontextmanager
async def standing_in() -> AsyncIterator[StandIn]:
    """Served for as long as the block lasts."""
    stand_in = StandIn()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            address = urlsplit(head[0].split(" ")[1])
            pairs = (line.partition(": ") for line in head[1:] if line)
            headers = {name.lower(): value for name, _, value in pairs}
            method = address.path.rpartition("/")[2]
            asked = Asked(method, dict(parse_qsl(address.query)), headers)
            writer.write(stand_in.respond(asked))
            await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()  # one request a connection: no answer depends on an earlier one

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stand_in.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield stand_in


def channel(identity: str = CHANNEL, **statistics: Any) -> Body:
    """An item of `channels.list`."""
    return {
        "kind": "youtube#channel",
        "id": identity,
        "etag": f"e-{identity}",
        "snippet": {"title": f"of {identity}", "description": "", "publishedAt": START},
        "statistics": {
            "viewCount": "10",
            "subscriberCount": "1000",
            "hiddenSubscriberCount": False,
            "videoCount": "3",
            **statistics,
        },
        "contentDetails": {"relatedPlaylists": {"uploads": "UU" + identity[2:]}},
    }


def video(identity: str, views: int = 5) -> Body:
    """An item of `videos.list`."""
    return {
        "id": identity,
        "etag": f"e-{identity}-{views}",
        "snippet": {
            "channelId": CHANNEL,
            "title": f"video {identity}",
            "publishedAt": START,
            "categoryId": "20",
            "liveBroadcastContent": "none",
        },
        "statistics": {"viewCount": str(views), "likeCount": "1", "commentCount": "0"},
        "contentDetails": {"duration": "PT1M1S"},
    }


def by_id(make: Callable[[str], Body], *absent: str) -> Callable[[Mapping[str, str]], Body]:
    """Answers every id, except those that are absent."""

    def answer(query: Mapping[str, str]) -> Body:
        wanted = query["id"].split(",")
        assert len(wanted) <= 50
        return {"items": [make(one) for one in wanted if one not in absent]}

    return answer
