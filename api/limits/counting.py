"""Counting in Redis: one round trip, atomic, and what happens while it is away."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.limits.rules import MICROSECONDS, Limits

ASK_SECONDS = 0.5  # a Redis that takes longer counts as away
AGAIN_SECONDS = 1.0  # between two looks at one that was away

_TAKE = Path(__file__).with_name("take.lua").read_text()
_PACE, _AMOUNT = 1, 4  # where their figures begin in the script's answer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a request.

    Attributes:
        allowed: whether it was within every limit.
        limit, remaining: of the limit that is nearest to its end.
        reset_s: seconds until all of that is there again.
        retry_s: seconds until one request is; 0 where it was allowed.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    retry_s: int


class Counter:
    """Takes requests out of limits.

    Args:
        redis: answers bytes.
        told: hears whether Redis answers, at every change.
    """

    def __init__(self, redis: Redis, told: Callable[[bool], None]) -> None:
        self._take = redis.register_script(_TAKE)
        self._told = told
        self._away_until: float | None = None

    async def take(self, limits: Limits) -> Verdict | None:
        """Count one request; None: Redis is away."""
        if self._away_until is not None:
            if time.monotonic() < self._away_until:
                return None
            self._away_until = time.monotonic() + AGAIN_SECONDS  # one asks, the others do not wait
        tag = f"groundswell:limit:{{{limits.who}}}"
        try:
            async with asyncio.timeout(ASK_SECONDS):
                found: list[int] = await self._take(
                    keys=[f"{tag}:pace", f"{tag}:amount"],
                    args=[limits.every, limits.burst, limits.amount, limits.window],
                )
        except (RedisError, OSError, TimeoutError) as error:
            self._lost(error)
            return None
        if self._away_until is not None:
            self._away_until = None
            self._told(True)
            log.info("requests are counted again")
        return _verdict(limits, found)

    def _lost(self, error: Exception) -> None:
        if self._away_until is None:
            log.error("requests are not counted: Redis is away", error=type(error).__name__)
            self._told(False)
        self._away_until = time.monotonic() + AGAIN_SECONDS


def _verdict(limits: Limits, found: list[int]) -> Verdict:
    tightest = _PACE
    if limits.amount:
        pace_is_over = found[_PACE + 2] > found[_AMOUNT + 2]
        amount_is_less = found[_AMOUNT] / limits.amount <= found[_PACE] / max(limits.burst, 1)
        if not limits.burst or (amount_is_less and not pace_is_over):
            tightest = _AMOUNT
    remaining, reset, retry = found[tightest : tightest + 3]
    allowed = found[0] == 1
    return Verdict(
        allowed=allowed,
        limit=limits.burst if tightest == _PACE else limits.amount,
        remaining=remaining,
        reset_s=math.ceil(reset / MICROSECONDS),
        retry_s=0 if allowed else max(math.ceil(retry / MICROSECONDS), 1),
    )
