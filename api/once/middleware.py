"""Idempotency-Key: a write that is sent again has the answer of the first time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError, refuse
from api.metrics import Metrics
from api.once.keeping import Answer, Found, Kept, Turn
from streams.identity.principal import Principal

LONGEST_KEY = 200  # characters
WAIT_SECONDS = 3.0  # for the first of two that came together; writes mostly settle within 2 s
_PAUSE_SECONDS = 0.05

# Here the user whom it is for stands in the body, and each has keys of his own.
_USER_IN_BODY = {"/api/v1/jobs": ("userId", "user_id")}
_NOT_KEPT = frozenset({"x-request-id", "date", "server", "content-length", "connection"})
_REPLAYED = "Idempotent-Replayed"


class Idempotency:
    """Answers a POST that comes again under its key as it was answered first, byte for byte.

    What fails is not kept: a refusal has done nothing, and after a 5xx the next try is a new one,
    whose ids follow from the key where docs/api.md says so. It stands behind the door and the
    limits, and in front of what compresses.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        writes = scope["type"] == "http" and scope["method"] == "POST"
        # Of strangers nobody knows which keys are theirs.
        known = writes and "principal" in scope["state"]
        headers = Headers(scope=scope) if known else None
        key = None if headers is None else headers.get("idempotency-key")
        if headers is None or key is None:
            await self.app(scope, receive, send)
            return
        if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
            await refuse(_no_key(), scope, receive, send)
            return
        body = await _read(receive)
        kept: Kept = scope["app"].state.services.kept
        whose, fingerprint = _whose(scope, headers, body), _fingerprint(scope, headers, body)
        found = await self._turn(kept, json.dumps([*whose, key]), fingerprint)
        match found:
            case Turn():
                await self._do(scope, _again(body, receive), send, kept, found)
            case Found(same=False):
                self._count("refused")
                await refuse(_reused(), scope, receive, send)
            case Found(answer=None):
                self._count("waited")
                await refuse(_in_progress(), scope, receive, send)
            case Found(answer=Answer(body=None)):
                self._count("refused")
                await refuse(_secret(), scope, receive, send)
            case Found(answer=Answer() as answer):
                self._count("replayed")
                await _replay(answer, send)
            case _:
                self._count("unkept")
                await self.app(scope, _again(body, receive), send)

    async def _turn(self, kept: Kept, key: str, fingerprint: str) -> Turn | Found | None:
        """The turn, or what the first one came to; it is waited for a while."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = await kept.claim(key, fingerprint)
            made = not isinstance(found, Found) or not found.same or found.answer is not None
            if made or time.monotonic() > deadline:
                return found
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _do(self, scope: Scope, receive: Receive, send: Send, kept: Kept, turn: Turn) -> None:
        """Let it be done, and keep the answer before it goes out: who has seen it gets it again."""
        start: Message | None = None
        body = bytearray()
        settled = False

        async def keeping(message: Message) -> None:
            nonlocal start, settled
            if message["type"] == "http.response.start":
                start = message
                return
            if start is None:
                await send(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body", False):
                return
            settled = True
            answer = _kept(start, bytes(body))
            done = await kept.settle(turn, answer)
            self._count("kept" if answer is not None and done else "unkept")
            await send(start)
            await send({**message, "body": bytes(body)})

        holding = asyncio.create_task(kept.hold(turn))
        try:
            await self.app(scope, receive, keeping)
        finally:
            holding.cancel()
            if not settled:
                await kept.settle(turn, None)

    def _count(self, outcome: str) -> None:
        self.metrics.repeatable.labels(outcome).inc()


def _kept(start: Message, body: bytes) -> Answer | None:
    if start["status"] >= 400:
        return None
    headers = Headers(raw=start["headers"])
    names = tuple((name, value) for name, value in headers.items() if name not in _NOT_KEPT)
    secret = "no-store" in headers.get("cache-control", "")
    return Answer(start["status"], names, None if secret else body)


async def _replay(answer: Answer, send: Send) -> None:
    headers = [*answer.headers, (_REPLAYED, "true")]
    body = answer.body or b""
    if answer.status != 204:
        headers.append(("content-length", str(len(body))))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """The body once more, then whatever comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _whose(scope: Scope, headers: Headers, body: bytes) -> tuple[str, str, str]:
    """Among whose keys this one is: of a credential, of whom it speaks for, at an address."""
    principal: Principal = scope["state"]["principal"]
    user = headers.get("x-user-id", "")
    names = _USER_IN_BODY.get(scope["path"])
    if names is not None:
        try:
            said = json.loads(body)
        except ValueError:
            said = None
        if isinstance(said, dict):
            user = str(next((said[name] for name in names if name in said), user))
    return principal.credential, user, scope["path"]


def _fingerprint(scope: Scope, headers: Headers, body: bytes) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in (scope["query_string"], headers.get("content-type", "").encode(), body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _no_key() -> ApiError:
    reason = f"has 1 to {LONGEST_KEY} printable characters"
    return ApiError(
        422,
        "VALIDATION_ERROR",
        f"validation error: header.idempotency-key: {reason}",
        details={"errors": [{"path": "header.idempotency-key", "reason": reason}]},
    )


def _reused() -> ApiError:
    return ApiError(
        422,
        "IDEMPOTENCY_KEY_REUSED",
        "another request came under this Idempotency-Key within the last 24 h: send what you sent "
        "then, or take a new key",
    )


def _in_progress() -> ApiError:
    return ApiError(
        409,
        "IDEMPOTENCY_IN_PROGRESS",
        "the first request with this Idempotency-Key is not answered yet; ask again in a moment",
        headers={"Retry-After": "1"},
    )


def _secret() -> ApiError:
    return ApiError(
        409,
        "IDEMPOTENCY_ANSWER_NOT_KEPT",
        "this was done under the same Idempotency-Key; its answer has a secret and is not kept",
    )
