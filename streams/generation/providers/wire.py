"""HTTP with one provider: its key in every question, bounds on every answer, faults as errors."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Any, BinaryIO, Self

import httpx

from streams.generation.providers.faults import http_error
from streams.generation.providers.provider import ProviderError

_ANSWER_MAX = 1024 * 1024  # bytes of JSON
_PART = 1024 * 1024  # bytes that are written at once


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long and how large things may be.

    Attributes:
        connect: seconds until there is a connection.
        answer: seconds for a question and its answer.
        download: seconds for a video.
        silence: seconds without a byte of a video.
        video_bytes: size of a video.
    """

    connect: float = 10.0
    answer: float = 60.0
    download: float = 600.0
    silence: float = 30.0
    video_bytes: int = 512 * 1024 * 1024


class Wire:
    """A connection to a provider's API; an async context manager.

    Args:
        provider: its name, for errors.
        url: where the API begins; paths are relative to it.
        headers: of every question to the API itself, the key among them. Files elsewhere are
            fetched without.
    """

    def __init__(
        self,
        provider: str,
        url: str,
        headers: Mapping[str, str],
        *,
        bounds: Bounds,
        tls: SSLContext,
    ) -> None:
        self._provider = provider
        self._url = httpx.URL(url.rstrip("/") + "/")
        self._headers = dict(headers)
        self._bounds = bounds
        self._client = httpx.AsyncClient(
            base_url=self._url,
            verify=tls,
            timeout=httpx.Timeout(bounds.answer, connect=bounds.connect),
            event_hooks={"request": [self._check_request]},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Ask the API something, once.

        Args:
            json: the body, or
            form: the body as multipart/form-data.

        Returns:
            The JSON object that it answers; an empty one for an empty answer.

        Raises:
            ProviderError: `HttpError` for an answer that is no success.
        """
        files = {name: (None, text.encode()) for name, text in form.items()} if form else None
        async with self._faults(self._bounds.answer):
            request = self._client.build_request(
                method, path, json=json, files=files, headers={**self._headers, **(headers or {})}
            )
            response = await self._client.send(request, stream=True)
            async with contextlib.aclosing(response):
                body = await _read(response)
        if not response.is_success:
            raise http_error(self._provider, response.status_code, response.headers, body, _now())
        return self._object(response, body)

    async def save(self, url: str, path: Path) -> None:
        """Fetch a file that the API has pointed at.

        Args:
            url: absolute, or relative to the API.

        Raises:
            ProviderError: retryable; it did not come whole, or is too large.
            OSError: it could not be written.
        """
        try:
            target = self._url.join(url)
        except httpx.InvalidURL:
            raise ProviderError(
                f"{self._provider} names a file at no address", retryable=True
            ) from None
        self._check(target)
        # The key goes to the API only; httpx drops it where it is sent on to another host.
        headers = {"Accept-Encoding": "identity"}
        if (target.scheme, target.host, target.port) == (
            self._url.scheme,
            self._url.host,
            self._url.port,
        ):
            headers = {**self._headers, **headers}
        timeout = httpx.Timeout(self._bounds.silence, connect=self._bounds.connect)
        file = await asyncio.to_thread(path.open, "wb")
        try:
            async with (
                self._faults(self._bounds.download),
                self._client.stream(
                    "GET", target, headers=headers, timeout=timeout, follow_redirects=True
                ) as response,
            ):
                await self._copy(response, file)
        finally:
            await asyncio.to_thread(file.close)

    async def _copy(self, response: httpx.Response, file: BinaryIO) -> None:
        if not response.is_success:
            body = await _read(response)
            raise http_error(self._provider, response.status_code, response.headers, body, _now())
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind.startswith("text/") or kind == "application/json":
            raise ProviderError(f"{self._provider} sent {kind}, not a video", retryable=True)
        size = 0
        async for part in response.aiter_bytes(_PART):
            size += len(part)
            if size > self._bounds.video_bytes:
                raise ProviderError(
                    f"{self._provider} sent more than {self._bounds.video_bytes} bytes",
                    retryable=False,
                )
            await asyncio.to_thread(file.write, part)
        if size == 0:
            raise ProviderError(f"{self._provider} sent an empty video", retryable=True)

    def _object(self, response: httpx.Response, body: bytes) -> dict[str, Any]:
        if not body:
            return {}
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            kind = response.headers.get("content-type", "something").partition(";")[0]
            raise ProviderError(
                f"{self._provider} answered {kind}, not a JSON object", retryable=True
            )
        return found

    async def _check_request(self, request: httpx.Request) -> None:
        self._check(request.url)

    def _check(self, url: httpx.URL) -> None:
        """Where the API is encrypted, so is everything that it points at."""
        if url.scheme not in {"https", self._url.scheme} or not url.host:
            raise ProviderError(
                f"{self._provider} points at {url.scheme}://{url.host}: only https is followed",
                retryable=False,
            )

    @contextlib.asynccontextmanager
    async def _faults(self, seconds: float) -> AsyncIterator[None]:
        """httpx's exceptions as ours; their texts have URLs in them, which may be signed."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except (TimeoutError, httpx.TimeoutException):
            text = f"{self._provider} did not answer in time"
        except httpx.ConnectError:
            text = f"{self._provider} cannot be reached"
        except httpx.TransportError as error:
            text = f"{self._provider} broke off ({type(error).__name__})"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            text = f"{self._provider} answered no sense ({type(error).__name__})"
        else:
            return
        raise ProviderError(text, retryable=True, kind="unreachable")


async def _read(response: httpx.Response) -> bytes:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > _ANSWER_MAX:
            return body[:_ANSWER_MAX]
    return body


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
