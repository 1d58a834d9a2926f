"""The API as the demonstration sees it: over HTTP, with the key, like any client."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx

_TIMEOUT = 30.0  # seconds


class DemoError(Exception):
    """The demonstration cannot go on; the message says what did not happen."""


class Api:
    """Remembers every URL that was tried and what it answered."""

    def __init__(self, url: str, key: str | None) -> None:
        self.url = url
        self.tried: dict[str, int] = {}
        self._client = httpx.Client(
            base_url=url,
            headers={"X-API-Key": key} if key else {},
            timeout=_TIMEOUT,
            trust_env=False,  # it is on this machine: no proxy
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET a path; a connection that fails counts as status 0."""
        try:
            response = self._client.get(path, headers=headers)
        except httpx.HTTPError as error:
            response = httpx.Response(0, text=str(error), request=httpx.Request("GET", path))
        self.tried[self.url + path] = response.status_code
        return response

    def json(self, path: str) -> Any:
        """The JSON at a path.

        Raises:
            DemoError: it does not answer with 200.
        """
        response = self.get(path)
        if response.status_code != httpx.codes.OK:
            shown = " ".join(response.text.split())[:300]
            raise DemoError(f"GET {path} answers {response.status_code}: {shown}")
        return response.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST JSON.

        Raises:
            DemoError: it is refused.
        """
        try:
            response = self._client.post(path, json=body)
        except httpx.HTTPError as error:
            raise DemoError(f"POST {path}: {error}") from None
        if not response.is_success:
            shown = " ".join(response.text.split())[:300]
            raise DemoError(f"POST {path} answers {response.status_code}: {shown}")
        return response.json()
