"""Circuit breakers that all processes share through Redis.

A provider's breaker is a hash; two scripts change it, each in one step of Redis, by Redis' clock.
Redis is no condition for work: while it is away every provider is allowed, and nothing is counted.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from infra.settings import Settings
from streams.generation.health.state import UNKNOWN, Outcome, ProviderHealth, Status

_HERE = Path(__file__)
_ALLOWED = _HERE.with_name("allowed.lua").read_text()
_RECORD = _HERE.with_name("record.lua").read_text()
_MICRO = 1_000_000
_EPOCH = dt.datetime.fromtimestamp(0, dt.UTC)

KEEP = 30 * 24 * 3600  # seconds that Redis keeps what is known of a provider that nobody calls
REDIS_SECONDS = 1.0  # that an answer of Redis may take
AWAY_SECONDS = 5.0  # without asking, after Redis did not answer: attempts are not to wait for it
BUSY_SECONDS = 30.0  # that a busy provider is left alone, where it does not say how long
HOLD_CAP = 3600.0  # seconds that a provider may ask to be left alone; more is taken for an error

# Told of every change of status, with the health after it.
Announce = Callable[[str, ProviderHealth], Coroutine[Any, Any, None]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rules:
    """When a breaker opens, and for how long; counts are of failures in a row.

    Attributes:
        degraded_after: failures from which a provider is the last choice.
        open_after: failures that open its breaker.
        unreachable_after: the same, where there was no connection or no answer at all.
        cooldown: seconds that a breaker is open for the first time; twice as long each further
            time without a success between, less up to a half by chance.
        cooldown_most: seconds, at most.
        probe_lease: seconds after which a probe whose outcome nobody recorded (its worker died,
            or it takes long) lets another one through.
    """

    degraded_after: int = 3
    open_after: int = 5
    unreachable_after: int = 3
    cooldown: float = 30.0
    cooldown_most: float = 900.0
    probe_lease: float = 300.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        return cls(
            degraded_after=settings.provider_degraded_after,
            open_after=settings.provider_open_after,
            unreachable_after=settings.provider_unreachable_after,
            cooldown=settings.provider_cooldown_seconds,
            cooldown_most=settings.provider_cooldown_most_seconds,
        )


def connection(url: str) -> Redis:
    """A connection to Redis that does not keep anybody waiting."""
    return Redis.from_url(
        url,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 1),  # a pooled connection may be of before a restart
        decode_responses=True,
    )


class Breakers:
    """The breakers of some providers.

    Args:
        redis: with `decode_responses`; see `connection`.
        providers: names of those that there are.
        announce: told when a status changes. It must not raise.
        prefix: of the keys in Redis.
    """

    def __init__(
        self,
        redis: Redis,
        providers: Iterable[str],
        rules: Rules | None = None,
        *,
        announce: Announce | None = None,
        prefix: str = "groundswell:providers",
    ) -> None:
        self._redis = redis
        self._providers = tuple(providers)
        self._rules = rules or Rules()
        self._announce = announce
        self._prefix = prefix
        self._allowed = redis.register_script(_ALLOWED)
        self._record = redis.register_script(_RECORD)
        self._away_until: float | None = None

    async def allowed(self, provider: str) -> bool:
        """Whether to call the provider now.

        Of a breaker whose cool-down is over, True for one caller only, in all processes: whoever
        is told so calls the provider and records what came of it.
        """
        lease = int(self._rules.probe_lease * _MICRO)
        answer = await self._ask(lambda: self._allowed(keys=[self._key(provider)], args=[lease]))
        return answer is None or answer == 1

    async def record(self, provider: str, outcome: Outcome) -> None:
        """Enter what came of a call."""
        arguments = self._arguments(outcome)
        answer = await self._ask(lambda: self._record(keys=[self._key(provider)], args=arguments))
        if answer is None:
            return
        before, now, pairs = answer
        health = _health(dict(zip(pairs[::2], pairs[1::2], strict=True)), int(now))
        if health.status != before:
            log.info(
                "provider's health changed",
                provider=provider,
                status=health.status,
                before=before,
                reason=health.reason,
            )
            if self._announce is not None:
                await self._announce(provider, health)

    async def health(self) -> dict[str, ProviderHealth]:
        """How every provider is; `unknown` while Redis is away."""
        pipeline = self._redis.pipeline(transaction=True)  # so that the time is that of the rest
        pipeline.time()
        for provider in self._providers:
            pipeline.hgetall(self._key(provider))
        answer = await self._ask(pipeline.execute)
        if answer is None:
            return dict.fromkeys(self._providers, UNKNOWN)
        (seconds, micros), *hashes = answer
        now = int(seconds) * _MICRO + int(micros)
        return {
            provider: _health(known, now)
            for provider, known in zip(self._providers, hashes, strict=True)
        }

    async def turn(self, what: str, seconds: float) -> bool:
        """Whether it is this caller who does `what` now: one of all does within so many seconds."""
        key = f"{self._prefix}:turn:{what}"
        return bool(
            await self._ask(lambda: self._redis.set(key, "1", nx=True, px=int(seconds * 1000)))
        )

    def _key(self, provider: str) -> str:
        return f"{self._prefix}:{provider}"

    def _arguments(self, outcome: Outcome) -> list[str | int | float]:
        rules = self._rules
        wait = outcome.retry_after
        if wait is None:
            wait = BUSY_SECONDS if outcome.kind == "busy" else 0.0
        return [
            int(outcome.ok),
            outcome.kind or "",
            outcome.reason,
            outcome.seconds,
            outcome.cost_usd,
            int(outcome.probe),
            min(max(wait, 0.0), HOLD_CAP) * _MICRO,
            random.random(),
            rules.degraded_after,
            rules.open_after,
            rules.unreachable_after,
            rules.cooldown * _MICRO,
            rules.cooldown_most * _MICRO,
            KEEP,
        ]

    async def _ask(self, question: Callable[[], Awaitable[Any]]) -> Any:
        """Redis' answer; None while it is away, which is told once."""
        if self._away_until is not None and time.monotonic() < self._away_until:
            return None
        try:
            answer = await question()
        except (RedisError, OSError) as error:
            if self._away_until is None:
                log.warning(
                    "Redis does not answer: every provider is allowed, failures are not counted",
                    error=type(error).__name__,
                )
            self._away_until = time.monotonic() + AWAY_SECONDS
            return None
        if self._away_until is not None:
            log.info("Redis answers again: failures of providers are counted")
            self._away_until = None
        return answer


def _health(known: Mapping[str, str], now: int) -> ProviderHealth:
    as_of = _time(now)
    if not known:
        return replace(UNKNOWN, as_of=as_of)
    open_until, busy_until = int(known.get("open_until", 0)), int(known.get("busy_until", 0))
    average, cost = known.get("avg_response_ms"), known.get("cost_per_request")
    checked_at = known.get("checked_at")
    return ProviderHealth(
        status=cast("Status", known.get("status", "unknown")),
        consecutive_failures=int(known.get("failures", 0)),
        avg_response_ms=None if average is None else float(average),
        cost_per_request=None if cost is None else float(cost),
        reason=known.get("reason", ""),
        last_checked_at=None if checked_at is None else _time(int(checked_at)),
        open_until=_time(open_until) if open_until else None,
        busy_until=_time(busy_until) if busy_until > now else None,
        held=max(open_until, busy_until) > now,
        as_of=as_of,
    )


def _time(micros: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=micros)
