"""Doing together what several requests want at one moment.

Looking up in tables and holding events against their schema cost by the call far more than by the
item, and requests that were let on, or forecast, together want the next thing at the same moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from api.errors import ApiError

Item = TypeVar("Item")
Found = TypeVar("Found")


class Together(Generic[Item, Found]):
    """Calls for many at once; nothing waits for others to come, unless `most` calls are running.

    Args:
        call: finds one thing for each item. Where it raises an `ApiError` for items of several
            requests, each is asked for apart: the fault of one is not that of the others.
        most: calls that run at a time; who comes meanwhile goes together with the next. None: any
            number.
    """

    def __init__(
        self,
        call: Callable[[Sequence[Item]], Awaitable[Sequence[Found]]],
        *,
        most: int | None = None,
    ) -> None:
        self._call = call
        self._most = most
        self._waiting: list[tuple[Sequence[Item], asyncio.Future[Sequence[Found]]]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def of(self, items: Sequence[Item]) -> Sequence[Found]:
        """What is found for the items of one request, in their order.

        Raises:
            Exception: whatever the call raises.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Sequence[Found]] = loop.create_future()
        self._waiting.append((items, found))
        if len(self._waiting) == 1:
            # Behind everybody who is about to run: they come along.
            loop.call_soon(self._go)
        return await found

    def _go(self) -> None:
        if not self._waiting or len(self._running) == self._most:
            return  # whoever is done next takes them along
        waiting, self._waiting = self._waiting, []
        task = asyncio.create_task(self._ask(waiting))
        self._running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._go()

    async def _ask(
        self, waiting: Sequence[tuple[Sequence[Item], asyncio.Future[Sequence[Found]]]]
    ) -> None:
        try:
            whole = await self._call([item for items, _ in waiting for item in items])
        except Exception as error:
            if isinstance(error, ApiError) and error.status < 500 and len(waiting) > 1:
                await asyncio.gather(*(self._ask([one]) for one in waiting))
                return
            for _, found in waiting:
                if not found.done():
                    found.set_exception(error)
            return
        start = 0
        for items, found in waiting:
            if not found.done():  # else its request has gone
                found.set_result(whole[start : start + len(items)])
            start += len(items)
