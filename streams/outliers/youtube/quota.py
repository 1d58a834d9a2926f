"""The ledger of the Data API's units: reserved in Redis before a call, by all processes together.

A day's ledger is a hash; a script reserves in one step of Redis, so that two processes cannot both
have the last units. A ledger that cannot be read is not overspent: while Redis is away, nothing is
reserved.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.outliers.youtube.errors import QuotaExhaustedError, UnavailableError
from streams.outliers.youtube.pacific import last_midnight, next_midnight, quota_day

_HERE = Path(__file__)
_RESERVE = _HERE.with_name("reserve.lua").read_text()
_GIVE_BACK = _HERE.with_name("give_back.lua").read_text()

POLLER = "poller"  # the purpose that has only a share of the day
ANALYSES = "analyses"
SEARCH = "search"  # the method that newer projects have a number of its own for
_SPENT = "spent:"

KEEP = 3 * 24 * 3600  # seconds that Redis keeps a day
# A script is sent again where the connection broke before its answer came; within this time, in
# seconds, it counts once.
_ONCE = 300
# A call that is reserved just before midnight may be counted by the API after it: it is entered in
# both days.
NEAR_MIDNIGHT = dt.timedelta(seconds=60)
# In a day's first minutes the API may still answer out of the day before. Its "no units left" is
# then believed for this long only, not for the whole new day.
EARLY = dt.timedelta(minutes=10)


def utc_now() -> dt.datetime:
    """The clock."""
    return dt.datetime.now(dt.UTC)


@dataclass(slots=True)
class Units:
    """Units that were spent while [`counted`][streams.outliers.youtube.quota.counted] was open."""

    spent: int = 0


_counting: ContextVar[Units | None] = ContextVar("units", default=None)


@contextmanager
def counted() -> Iterator[Units]:
    """Count the units that the calls inside spend, also those of tasks that are started inside.

    Other runs that share the client are not among them.
    """
    units = Units()
    token = _counting.set(units)
    try:
        yield units
    finally:
        _counting.reset(token)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units that a call may spend.

    Attributes:
        keys: of the days in Redis that it is entered in.
        mark: a key in Redis of its own.
    """

    units: int
    purpose: str
    keys: tuple[str, ...]
    mark: str


@dataclass(frozen=True, slots=True)
class QuotaState:
    """The ledger of a day.

    Attributes:
        day: the date in Los Angeles.
        per_day: units that there are.
        spent: units by purpose.
        left: units by purpose that may still be spent; a purpose without a share has them all.
        exhausted: whether the API itself said that there are none left.
        resets_at: when there are units again (UTC).
        searches_left: None where searches are paid for with units like the rest.
    """

    day: dt.date
    per_day: int
    spent: Mapping[str, int]
    left: Mapping[str, int]
    exhausted: bool
    resets_at: dt.datetime
    searches_left: int | None = None


class Ledger:
    """The units of one account.

    Args:
        redis: with or without `decode_responses`.
        account: whose units they are; part of the keys in Redis.
        per_day: units that there are from midnight to midnight in Los Angeles.
        shares: of the day's units, by purpose; a purpose that is not named may spend all.
        searches: that may be made in a day, where they are counted apart, each as one; None: they
            cost units like everything else.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        account: str,
        per_day: int,
        shares: Mapping[str, float] | None = None,
        searches: int | None = None,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._redis = redis
        self._prefix = f"groundswell:youtube:{account}:quota"
        self._per_day = per_day
        self._shares = dict(shares or {})
        self._searches = searches
        self._clock = clock
        self._reserve = redis.register_script(_RESERVE)
        self._give_back = redis.register_script(_GIVE_BACK)

    async def reserve(self, units: int, purpose: str, method: str = "") -> Reservation:
        """Enter units as spent, before they are.

        Args:
            method: that is called, such as `search`.

        Raises:
            QuotaExhaustedError: fewer are left for that purpose; nothing was entered.
            UnavailableError: Redis does not answer.
        """
        now = self._clock()
        apart = method == SEARCH and self._searches is not None
        if apart:
            units = 1
        keys = [self._key(day, apart) for day in _days(now)]
        most = self._most(purpose, apart)
        arguments: list[int | float | str] = [units, purpose, self._per_day_of(apart), most]
        arguments += [now.timestamp(), KEEP, method, _ONCE]
        mark = f"{self._prefix}:once:{uuid.uuid4().hex}"
        reserved, left, until = await _ask(self._reserve(keys=[*keys, mark], args=arguments))
        if not int(reserved):
            told = float(until)
            resets_at = dt.datetime.fromtimestamp(told, dt.UTC) if told else next_midnight(now)
            raise QuotaExhaustedError(units, int(left), resets_at)
        counting = _counting.get()
        if counting is not None:
            counting.spent += units
        return Reservation(units, purpose, tuple(keys), mark)

    async def give_back(self, reservation: Reservation) -> None:
        """Take a reservation back whose call certainly did not reach the API.

        Raises:
            UnavailableError: Redis does not answer; the units stay entered.
        """
        arguments: list[int | float | str] = [reservation.units, reservation.purpose, _ONCE]
        keys = [*reservation.keys, f"{reservation.mark}:back"]
        await _ask(self._give_back(keys=keys, args=arguments))
        counting = _counting.get()
        if counting is not None:
            counting.spent -= reservation.units

    async def exhaust(self, method: str = "") -> dt.datetime:
        """Note that the API itself says that there are no units left. When to ask again.

        Args:
            method: the only one that there are none left for, if there is one.

        Raises:
            UnavailableError: Redis does not answer.
        """
        now = self._clock()
        until = next_midnight(now)
        if now - last_midnight(now) < EARLY:
            until = now + EARLY
        apart = method == SEARCH and self._searches is not None
        key = self._key(quota_day(now), apart)
        name = f"exhausted_until:{method}" if method else "exhausted_until"
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(key, name, str(until.timestamp()))
        pipeline.expire(key, KEEP)
        await _ask(pipeline.execute())
        return until

    async def state(self) -> QuotaState:
        """The ledger of today.

        Raises:
            UnavailableError: Redis does not answer.
        """
        now = self._clock()
        day = quota_day(now)
        found = await self._day(self._key(day))
        until = float(found.get("exhausted_until", 0))
        exhausted = until > now.timestamp()
        spent = _spent(found)
        free = 0 if exhausted else max(0, self._per_day - sum(spent.values()))
        purposes = dict.fromkeys((ANALYSES, *self._shares, *spent))
        return QuotaState(
            day=day,
            per_day=self._per_day,
            spent={purpose: spent.get(purpose, 0) for purpose in purposes},
            left={
                purpose: max(0, min(free, self._most(purpose) - spent.get(purpose, 0)))
                for purpose in purposes
            },
            exhausted=exhausted,
            resets_at=dt.datetime.fromtimestamp(until, dt.UTC) if exhausted else next_midnight(now),
            searches_left=await self._searches_left(now),
        )

    async def _searches_left(self, now: dt.datetime) -> int | None:
        if self._searches is None:
            return None
        found = await self._day(self._key(quota_day(now), apart=True))
        if float(found.get(f"exhausted_until:{SEARCH}", 0)) > now.timestamp():
            return 0
        return max(0, self._searches - sum(_spent(found).values()))

    async def _day(self, key: str) -> dict[str, str]:
        found = await _ask(self._redis.hgetall(key))
        return {_text(name): _text(value) for name, value in found.items()}

    def _per_day_of(self, apart: bool) -> int:
        return self._searches if apart and self._searches is not None else self._per_day

    def _most(self, purpose: str, apart: bool = False) -> int:
        return int(self._per_day_of(apart) * self._shares.get(purpose, 1.0) + 1e-9)

    def _key(self, day: dt.date, apart: bool = False) -> str:
        return f"{self._prefix}:{day.isoformat()}" + (f":{SEARCH}" if apart else "")


def _days(now: dt.datetime) -> list[dt.date]:
    return sorted({quota_day(now), quota_day(now + NEAR_MIDNIGHT)})


def _spent(found: Mapping[str, str]) -> dict[str, int]:
    return {
        name.removeprefix(_SPENT): int(value)
        for name, value in found.items()
        if name.startswith(_SPENT)
    }


async def _ask(answer: Awaitable[Any]) -> Any:
    try:
        return await answer
    except (RedisError, OSError) as error:
        raise UnavailableError(
            "Redis does not answer, so the ledger of the Data API's units cannot be kept, and "
            f"nothing is asked of the API ({type(error).__name__}); try again when REDIS_URL is up"
        ) from error


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
