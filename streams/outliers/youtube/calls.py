"""One question to the Data API: paid for, sent, and asked again where that may help.

The requests are made, and the answers read, by google-api-python-client; they are sent by httpx.
The library's own transport is not safe to share, sends some requests twice without saying so (each
costs units), and does not tell whether a request that failed ever left.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import httpx
import structlog

from streams.outliers.youtube import refusals, secrecy
from streams.outliers.youtube.cache import Item
from streams.outliers.youtube.errors import QuotaExhaustedError, RefusedError, UnavailableError
from streams.outliers.youtube.quota import Ledger

Method = Literal["search", "channels", "playlistItems", "videos"]

COSTS: Mapping[Method, int] = {"search": 100, "channels": 1, "playlistItems": 1, "videos": 1}
GOOGLE = "https://youtube.googleapis.com"
TRIES = 5
FIRST_PAUSE = 0.5  # seconds at most, doubled with each try
LONGEST_PAUSE = 30.0  # seconds; also the longest Retry-After that is waited for
TIMEOUT = httpx.Timeout(20.0, connect=5.0, pool=None)  # seconds; in the queue for as long as it is
CONNECTIONS = 16

# Of these, and of no others, is it certain that the API did not get the request.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a try came to nothing.

    Attributes:
        wait: seconds that the API asked to be left alone.
    """

    what: str
    wait: float | None = None


class Calls:
    """Questions to one Data API with one key.

    Args:
        key: None: none is set, and every question is refused.
        endpoint: None is Google's.
        purpose: on whose account the units go.
        tries: of one question, each of which pays.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        key: str | None,
        endpoint: str | None,
        purpose: str,
        tries: int = TRIES,
        timeout: httpx.Timeout = TIMEOUT,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._endpoint = (endpoint or GOOGLE).rstrip("/")
        self._purpose = purpose
        self._tries = tries
        self._timeout = timeout
        self._sleep = sleep
        self._chance = chance
        self._service: Any = None
        self._http: httpx.AsyncClient | None = None
        self._starting = asyncio.Lock()
        if key:
            secrecy.hide(key)
            secrecy.hide(quote(key, safe=""))

    async def ask(
        self, method: Method, parameters: Mapping[str, Any], *, etag: str | None = None
    ) -> Item | None:
        """The answer to `<method>.list`.

        Args:
            etag: of an answer to the same question that is at hand.

        Returns:
            The body; None where it is still the one with that ETag.

        Raises:
            QuotaExhaustedError: there are not enough units, in the ledger or in the API's own.
            UnavailableError: no whole answer in all the tries.
            RefusedError: the API does not take the question, or the key.
        """
        service, http = await self._started()
        request = getattr(service, method)().list(**parameters)
        if etag:
            # In a header it stands in quotes; some answers give it with them already.
            request.headers["if-none-match"] = etag if '"' in etag else f'"{etag}"'
        trouble = _Trouble("")
        for failed in range(self._tries):
            if failed:
                await self._pause(method, failed, trouble)
            found = await self._try(http, request, method)
            if not isinstance(found, _Trouble):
                return found.body
            trouble = found
        raise UnavailableError(
            f"the Data API did not answer {method}.list in {self._tries} tries, lastly: "
            f"{trouble.what}; try again later, or look at YOUTUBE_API_ENDPOINT"
        )

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _try(
        self, http: httpx.AsyncClient, request: Any, method: Method
    ) -> _Found | _Trouble:
        reservation = await self._ledger.reserve(COSTS[method], self._purpose, method)
        try:
            response = await http.request(request.method, request.uri, headers=request.headers)
        except _NOT_SENT as error:
            await self._ledger.give_back(reservation)
            return _Trouble(f"no connection ({type(error).__name__})")
        except httpx.InvalidURL:
            await self._ledger.give_back(reservation)
            raise UnavailableError(
                f"YOUTUBE_API_ENDPOINT is no address that can be asked: {self._endpoint[:100]!r}"
            ) from None
        except httpx.HTTPError as error:
            # No traceback of it: the address in it has the key.
            return _Trouble(f"no whole answer ({type(error).__name__})")
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return _Found(None)
        if not response.is_success:
            return await self._refused(response, method, reservation.units)
        try:
            body = request.postproc(_Head(response), response.content)
        except ValueError:
            return _Trouble("half an answer, or no JSON")
        if not isinstance(body, dict):
            return _Trouble("an answer that is no JSON object")
        return _Found(body)

    async def _refused(self, response: httpx.Response, method: Method, cost: int) -> _Trouble:
        refusal = refusals.read(response.status_code, response.content)
        if refusal.quota_is_spent:
            only = method if refusal.only_searches else ""
            raise QuotaExhaustedError(cost, 0, await self._ledger.exhaust(only))
        said = f"{refusal.status} {refusal.reason}"
        if refusal.may_pass:
            return _Trouble(said, _retry_after(response.headers.get("retry-after")))
        message = f"the Data API refused ({said}): {refusal.message or 'it does not say why'}"
        if refusal.advice:
            message += f"; {refusal.advice}"
        raise RefusedError(refusal.status, refusal.reason, self._hidden(message))

    async def _pause(self, method: Method, failed: int, trouble: _Trouble) -> None:
        """Wait before the next try: full jitter, or what the API asks for where that is more."""
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failed - 1))
        pause = max(longest * self._chance(), trouble.wait or 0.0)
        if pause > LONGEST_PAUSE:
            raise UnavailableError(
                f"the Data API asks to be left alone for {pause:.0f} s ({trouble.what})"
            )
        log.info("the Data API is asked again", method=method, after=trouble.what, pause=pause)
        await self._sleep(pause)

    async def _started(self) -> tuple[Any, httpx.AsyncClient]:
        key = self._key
        if not key:
            raise RefusedError(
                403,
                "keyMissing",
                "no key of YouTube's Data API is set, and no local server answers in its place: "
                "set YOUTUBE_API_KEY, or YOUTUBE_API_ENDPOINT to a `groundswell youtube serve`; "
                "`groundswell up` runs one by itself, containers do not",
            )
        async with self._starting:
            if self._service is None:
                self._service = await asyncio.to_thread(_service, key, self._endpoint)
            if self._http is None:
                self._http = httpx.AsyncClient(
                    timeout=self._timeout,
                    limits=httpx.Limits(max_connections=CONNECTIONS),
                    # A proxy is for the way to Google, not for a server of this machine.
                    trust_env=urlsplit(self._endpoint).hostname not in _LOOPBACK,
                )
            return self._service, self._http

    def _hidden(self, text: str) -> str:
        return text.replace(self._key, secrecy.HIDDEN) if self._key else text


@dataclass(frozen=True, slots=True)
class _Found:
    """An answer; without a body where nothing changed."""

    body: Item | None


class _Head:
    """A response's head as the library reads it."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.reason = response.reason_phrase


def _service(key: str, endpoint: str) -> Any:
    # Half a second, which only those pay who ask.
    from googleapiclient.discovery import build

    return build(
        "youtube",
        "v3",
        developerKey=key,
        static_discovery=True,
        client_options={"api_endpoint": endpoint},
    )


def _retry_after(text: str | None) -> float | None:
    """Seconds, from a number of them or a date."""
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at
    return max(0.0, (at - dt.datetime.now(dt.UTC)).total_seconds())
