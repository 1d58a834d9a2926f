"""Answers by idempotency key, in Redis, for all processes together."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

KEPT_SECONDS = 24 * 3600
ASK_SECONDS = 1.0  # a Redis that takes longer counts as away
AGAIN_SECONDS = 1.0  # between two looks at one that was away
LEASE_SECONDS = 10.0  # until another may try what a process that died had begun

_HERE = Path(__file__)
_LEASE_MS = round(LEASE_SECONDS * 1000)
_CLAIM = _HERE.with_name("claim.lua").read_text()
_RENEW = _HERE.with_name("renew.lua").read_text()
_SETTLE = _HERE.with_name("settle.lua").read_text()

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it went out.

    Attributes:
        body: None where it is not kept, since it said `Cache-Control: no-store`.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    def packed(self) -> bytes:
        """For Redis."""
        body = None if self.body is None else b64encode(self.body).decode()
        return zlib.compress(json.dumps([self.status, self.headers, body]).encode(), 1)

    @classmethod
    def unpacked(cls, packed: bytes) -> Answer:
        """What `packed` made."""
        status, headers, body = json.loads(zlib.decompress(packed))
        kept = None if body is None else b64decode(body)
        return cls(status, tuple((name, value) for name, value in headers), kept)


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to do what a key stands for, until the lease is over."""

    name: str
    token: str


@dataclass(frozen=True, slots=True)
class Found:
    """What somebody else did under the key, or is doing.

    Attributes:
        same: whether it was the same request.
        answer: None while it is being made.
    """

    same: bool
    answer: Answer | None


class Kept:
    """Keeps answers.

    Args:
        redis: answers bytes.
    """

    def __init__(self, redis: Redis) -> None:
        self._claim = redis.register_script(_CLAIM)
        self._renew = redis.register_script(_RENEW)
        self._settle = redis.register_script(_SETTLE)
        self._away_until = 0.0

    async def claim(self, key: str, fingerprint: str) -> Turn | Found | None:
        """The turn, or what there is already; None: Redis is away."""
        if time.monotonic() < self._away_until:
            return None
        name = f"groundswell:once:{hashlib.sha256(key.encode()).hexdigest()}"
        token = secrets.token_hex(8)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                found = await self._claim(keys=[name], args=[fingerprint, token, _LEASE_MS])
        except (RedisError, OSError, TimeoutError) as error:
            self._lost(error)
            return None
        self._away_until = 0.0
        if not found:
            return Turn(name, token)
        answer = Answer.unpacked(found[1]) if found[1] else None
        return Found(found[0].decode() == fingerprint, answer)

    async def hold(self, turn: Turn) -> None:
        """Renew the lease of a turn, until cancelled."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            try:
                await self._renew(keys=[turn.name], args=[turn.token, _LEASE_MS])
            except (RedisError, OSError) as error:
                self._lost(error)

    async def settle(self, turn: Turn, answer: Answer | None) -> bool:
        """Keep an answer, or give the turn back; whether that was said to Redis in time."""
        packed = b"" if answer is None else answer.packed()
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await self._settle(keys=[turn.name], args=[turn.token, packed, KEPT_SECONDS])
        except (RedisError, OSError, TimeoutError) as error:
            self._lost(error)
            return False
        return True

    def _lost(self, error: Exception) -> None:
        if not self._away_until:
            log.error("idempotent answers are not kept: Redis is away", error=type(error).__name__)
        self._away_until = time.monotonic() + AGAIN_SECONDS
