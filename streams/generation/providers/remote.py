"""Work that is done elsewhere: asked for once, waited for, fetched, and called off with us.

An API is a class of the protocol [`Api`][streams.generation.providers.remote.Api]: four small
questions. Everything between them is here, once for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from ssl import SSLContext
from time import monotonic
from typing import Any, Literal, NoReturn, Protocol

import httpx
import structlog

from streams.generation.providers.faults import HttpError, one_line
from streams.generation.providers.footage import finish
from streams.generation.providers.formats import Format, Offer
from streams.generation.providers.provider import (
    Abilities,
    Order,
    ProviderError,
    Rendering,
    Telling,
    leaves_work,
)
from streams.generation.providers.waking import ID_MAX, Wakes
from streams.generation.providers.wire import Bounds, Wire

_NAME = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)  # it becomes a part of paths
_KEY_BEGINNING = 6  # characters: what of a key is shorter tells nothing of it
_DOWNLOADS = 3  # tries to fetch a video that is done: to have it made again would cost
_MADE = 90.0  # percent at which the provider is done

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """How one waits, in seconds.

    Attributes:
        first: before the first question how far it is.
        longest: between two questions.
        most: for all of it; then it has failed.
        stop: for calling it off.
        troubles: questions in a row that may go wrong.
    """

    first: float = 2.0
    longest: float = 15.0
    most: float = 1800.0
    stop: float = 5.0
    troubles: int = 8


@dataclass(frozen=True, slots=True)
class Account:
    """Where an API is, and who asks.

    Attributes:
        key: a secret.
        usd_per_second: price of a second of video.
        callback: where the provider may tell that it is done, if it does such things.
    """

    url: str
    key: str = field(repr=False)
    model: str
    usd_per_second: float
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a provider says of its work.

    Attributes:
        percent: how far it is, if it says so.
        video: of one that is done, where the file is: absolute, or relative to the API.
        error: of one that failed.
    """

    state: Literal["waiting", "working", "done", "failed"]
    percent: float | None = None
    video: str | None = None
    error: ProviderError | None = None


def name_of(said: Mapping[str, Any]) -> str:
    """A provider's own name of its work, from the answer to an order; empty if there is none."""
    found = said.get("id")
    return found if isinstance(found, str) else ""


def unheard_of(provider: str, status: object) -> ProviderError:
    """The error of a status that the protocol does not have."""
    return ProviderError(f"{provider} tells of a status {one_line(repr(status))}", retryable=True)


def failed(provider: str, why: object, *, final: bool) -> Sighting:
    """Work that failed.

    Args:
        why: in the provider's words.
        final: whether another attempt would fail as well.
    """
    told = one_line(str(why)) if why else "it does not say why"
    return Sighting("failed", error=ProviderError(f"{provider}: {told}", retryable=not final))


class Api(Protocol):
    """A provider's HTTP protocol."""

    @property
    def name(self) -> str:
        """As in requests and events."""

    @property
    def account(self) -> Account:
        """Where it is, and who asks."""

    @property
    def offer(self) -> Offer:
        """What its model makes."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Of every question, the key among them."""

    async def submit(self, wire: Wire, order: Order, made: Format, seconds: int) -> str:
        """Ask for a video, once; the provider's own name of the work."""

    async def look(self, wire: Wire, work: str) -> Sighting:
        """How far it is."""

    async def cancel(self, wire: Wire, work: str) -> None:
        """Call it off."""

    async def probe(self, wire: Wire) -> None:
        """Ask for something that costs nothing."""


class RemoteProvider:
    """A [`Provider`][streams.generation.providers.provider.Provider] behind an API.

    Args:
        wakes: cuts waits short when the provider calls back.
    """

    def __init__(
        self,
        api: Api,
        *,
        wakes: Wakes | None = None,
        patience: Patience | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._api = api
        self._wakes = wakes or Wakes()
        self._patience = patience or Patience()
        self._bounds = bounds or Bounds()
        self._stopping: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """As in requests and events."""
        return self._api.name

    @property
    def model(self) -> str:
        """As in events."""
        return self._api.account.model

    @cached_property
    def abilities(self) -> Abilities:
        """What can be made of what the API makes."""
        return self._api.offer.abilities(self._api.account.usd_per_second)

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        """Have a video made; see [`Provider`][streams.generation.providers.provider.Provider]."""
        try:
            async with self._wire() as wire:
                work = order.submitted or await self._submit(wire, order)
                if order.submitted is None:
                    await self._tell(telling, work)
                seen = await self._watch(wire, work, telling)
                if seen.error is not None:
                    raise seen.error
                await telling.progress(_MADE, "downloading")
                return await self._fetch(wire, work, seen, order, folder)
        except ProviderError as error:
            self._without_key(error)

    async def probe(self) -> None:
        """Ask for something that costs nothing.

        Raises:
            ProviderError: it does not work.
        """
        try:
            async with self._wire() as wire:
                await self._api.probe(wire)
        except ProviderError as error:
            self._without_key(error)

    @cached_property
    def _tls(self) -> SSLContext:
        return httpx.create_ssl_context()

    def _wire(self) -> Wire:
        account = self._api.account
        return Wire(self.name, account.url, self._api.headers, bounds=self._bounds, tls=self._tls)

    async def _submit(self, wire: Wire, order: Order) -> str:
        made, seconds = self._api.offer.pick(order)
        asking = asyncio.create_task(self._api.submit(wire, order, made, seconds))
        try:
            work = await asyncio.shield(asking)
        except asyncio.CancelledError:
            # The question is on its way: what it starts must be stopped, so its name is needed.
            await self._stop(self._call_off_unnamed(asking))
            raise
        if not _NAME.fullmatch(work) or len(work) > ID_MAX:
            raise ProviderError(f"{self.name} gave its work no usable name", retryable=True)
        log.info("submitted", provider=self.name, work=work)
        return work

    async def _tell(self, telling: Telling, work: str) -> None:
        """Tell its name. Where that fails nobody will ever look for it, so it is called off."""
        try:
            await telling.submitted(work)
        except BaseException:
            await self._call_off(work)
            raise

    async def _watch(self, wire: Wire, work: str, telling: Telling) -> Sighting:
        """Wait for its end, or leave it: to the next worker where there is one, else called off."""
        try:
            return await self._wait(wire, work, telling)
        except ProviderError as error:
            error.left = error.retryable and error.kind != "failed"
            if not error.left:
                await self._call_off(work)
            raise
        except BaseException as error:
            if not leaves_work(error):
                await self._call_off(work)
            raise

    async def _wait(self, wire: Wire, work: str, telling: Telling) -> Sighting:
        """Until it is done or has failed."""
        patience = self._patience
        end = monotonic() + patience.most
        pause, troubles = patience.first, 0
        while monotonic() < end:
            await self._wakes.wait(work, pause * random.uniform(0.75, 1.25))
            try:
                seen = await self._api.look(wire, work)
            except HttpError as error:
                if error.status == 404:
                    gone = f"{self.name} knows nothing of its work {work} any more"
                    raise ProviderError(gone, retryable=True) from None
                troubles = self._one_more(error, troubles)
                pause = max(pause, min(error.retry_after or 0.0, 4 * patience.longest))
            except ProviderError as error:
                troubles = self._one_more(error, troubles)
            else:
                if seen.state in ("done", "failed"):
                    return seen
                troubles = 0
                step = "rendering" if seen.state == "working" else "waiting"
                await telling.progress((seen.percent or 0.0) * _MADE / 100, step)
                pause = min(pause * 1.5, patience.longest)
        raise ProviderError(f"{self.name} was not done after {patience.most:g} s", retryable=True)

    def _one_more(self, error: ProviderError, troubles: int) -> int:
        """Count a question that went wrong; the work itself may well go on."""
        if not error.retryable or troubles + 1 >= self._patience.troubles:
            raise error
        log.info("asked in vain", provider=self.name, reason=self._hidden(str(error)))
        return troubles + 1

    async def _fetch(
        self, wire: Wire, work: str, seen: Sighting, order: Order, folder: Path
    ) -> Rendering:
        raw = folder / "raw.mp4"
        for left in reversed(range(_DOWNLOADS)):
            try:
                if seen.video is None:
                    raise ProviderError(f"{self.name} is done but has no video", retryable=True)
                await wire.save(seen.video, raw)
                return await finish(raw, order, folder)
            except ProviderError as error:
                if not left or not error.retryable:
                    error.left = error.retryable and error.kind != "failed"
                    raise
                reason = self._hidden(str(error))
                log.info("fetched in vain", provider=self.name, work=work, reason=reason)
            await asyncio.sleep(self._patience.first)
            with contextlib.suppress(ProviderError):  # addresses of files may have run out
                seen = await self._api.look(wire, work)
        raise AssertionError("the last try returns or raises")

    async def _call_off(self, work: str) -> None:
        await self._stop(self._cancel(work))

    async def _call_off_unnamed(self, asking: asyncio.Task[str]) -> None:
        try:
            work = await asking
        except ProviderError:
            return
        await self._cancel(work)

    async def _cancel(self, work: str) -> None:
        # With a connection of its own: the other one is being closed.
        async with self._wire() as wire:
            await self._api.cancel(wire, work)
        log.info("called off", provider=self.name, work=work)

    async def _stop(self, stopping: Coroutine[Any, Any, None]) -> None:
        """Run it to its end, though we are cancelled, again perhaps; but not for long."""
        task = asyncio.create_task(self._in_time(stopping))
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)
        await asyncio.shield(task)

    async def _in_time(self, stopping: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(self._patience.stop):
                await stopping
        except (TimeoutError, ProviderError) as error:
            reason = self._hidden(str(error)) or "it took too long"
            log.warning("not called off", provider=self.name, reason=reason)

    def _without_key(self, error: ProviderError) -> NoReturn:
        """Whatever a provider says back, its key is not told on."""
        error.args = tuple(self._hidden(str(part)) for part in error.args)
        raise error

    def _hidden(self, text: str) -> str:
        """Words of a provider without its key, nor the beginning of one: long words are cut."""
        key = self._api.account.key
        for length in range(len(key), _KEY_BEGINNING - 1, -1):
            text = text.replace(key[:length], "***")
        return text
