"""Publishing together what several requests have at one moment.

Holding an event against its schema costs by the call far more than by the event, and requests that
were forecast in one batch have their events at the same moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from api.publishing import Outcome, Publishing
from schemas.topic import Topic

_Waiting = tuple[Sequence[dict[str, Any]], asyncio.Future[Outcome]]


class Together:
    """Publishes to one topic; nothing waits for others to come."""

    def __init__(self, publishing: Publishing, topic: Topic) -> None:
        self._publishing = publishing
        self._topic = topic
        self._waiting: list[_Waiting] = []
        self._running: set[asyncio.Task[None]] = set()

    async def publish(self, events: Sequence[dict[str, Any]]) -> Outcome:
        """As [`Publishing.publish`][api.publishing.Publishing], of one request.

        Raises:
            ApiError: 503: see there.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append((events, outcome))
        if len(self._waiting) == 1:
            # Behind everybody who is about to run: they come along.
            loop.call_soon(self._go)
        return await outcome

    def _go(self) -> None:
        waiting, self._waiting = self._waiting, []
        task = asyncio.create_task(self._publish(waiting))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _publish(self, waiting: list[_Waiting]) -> None:
        events = [event for own, _ in waiting for event in own]
        try:
            whole = await self._publishing.publish(self._topic, events)
        except Exception as error:
            for _, outcome in waiting:
                if not outcome.done():
                    outcome.set_exception(error)
            return
        start = 0
        for own, outcome in waiting:
            if not outcome.done():  # else its request has gone
                outcome.set_result(_part(whole, start, start + len(own)))
            start += len(own)


def _part(whole: Outcome, start: int, end: int) -> Outcome:
    places = range(start, end)
    return Outcome(
        {at - start: whole.positions[at] for at in places if at in whole.positions},
        {at - start: whole.rejected[at] for at in places if at in whole.rejected},
    )
