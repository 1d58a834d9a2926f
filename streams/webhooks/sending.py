"""One try to deliver: signed, to a public address, without following where it points."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import httpx

from streams.webhooks.addresses import (
    ForbiddenAddressError,
    Target,
    UnknownHostError,
    resolve,
    url_problem,
)
from streams.webhooks.delivery import Delivery
from streams.webhooks.signing import headers_of

TIMEOUT = 30.0  # seconds for all of a try

_AGENT = "Groundswell-Webhooks/1"
_GONE = 410  # the receiver asks never to be told again


class UndeliveredError(Exception):
    """A try failed.

    Attributes:
        final: another try cannot help.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class Sender:
    """Sends deliveries; its answers and errors have nothing of the receiver's body or path.

    Args:
        keys: every delivery is signed with each of them.
        private: also loopback, private and link-local addresses are allowed.
        timeout: seconds for all of a try.
    """

    def __init__(self, keys: Sequence[bytes], *, private: bool, timeout: float = TIMEOUT) -> None:
        self._keys = tuple(keys)
        self._private = private
        self._timeout = timeout
        # No connection is kept: it is to an address, and another name may stand for the same one.
        # No proxy: it would resolve the name a second time.
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=timeout,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def send(self, wanted: Delivery) -> int:
        """Send it once.

        Returns:
            The receiver's status, of 200 to 299.

        Raises:
            UndeliveredError: it was not taken; the message says why.
        """
        problem = url_problem(wanted.url)
        if problem is not None:
            raise UndeliveredError(f"its URL {problem}", final=True)
        try:
            async with asyncio.timeout(self._timeout):
                target = await resolve(wanted.url, private=self._private)
                status = await self._post(target, wanted)
        except ForbiddenAddressError as error:
            raise UndeliveredError(str(error), final=True) from None
        except UnknownHostError as error:
            raise UndeliveredError(str(error)) from None
        except TimeoutError:
            raise UndeliveredError(f"no answer within {self._timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UndeliveredError(f"{type(error).__name__}: {error}") from None
        if not 200 <= status < 300:
            raise UndeliveredError(f"the receiver answered {status}", final=status == _GONE)
        return status

    async def _post(self, target: Target, wanted: Delivery) -> int:
        body = wanted.body.encode()
        headers = {
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": _AGENT,
            **headers_of(self._keys, wanted.webhook_id, dt.datetime.now(dt.UTC), body),
        }
        # The certificate is checked against the name, though the connection is to an address.
        request = self._client.build_request(
            "POST",
            target.url,
            content=body,
            headers=headers,
            extensions={"sni_hostname": target.host},
        )
        # Only the status counts: the body, however long, is left where it is.
        answer = await self._client.send(request, stream=True)
        await answer.aclose()
        return answer.status_code
