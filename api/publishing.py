"""From a request into the log, without holding up the event loop.

The producer is a blocking library with callbacks. Encoding and handing over happen in a thread;
another one polls for the broker's answers while any are open; the last answer of a request wakes
its coroutine.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, Message

from api.errors import unavailable
from schemas.errors import InvalidEventError
from schemas.publisher import Position, Publisher, PublishError
from schemas.topic import Topic

ACK_SECONDS = 20.0  # how long a request waits for the broker before it says so
OPEN_EVENTS = 200_000  # not yet acknowledged, over all requests; more are asked to come back
POLL_SECONDS = 0.05


@dataclass(slots=True)
class Outcome:
    """What became of the events of one request, by their index in it."""

    positions: dict[int, Position] = field(default_factory=dict)
    rejected: dict[int, InvalidEventError] = field(default_factory=dict)

    @property
    def last(self) -> Position | None:
        """Where the last accepted event stands."""
        return self.positions[max(self.positions)] if self.positions else None


class Publishing:
    """Publishes for requests; answers when the broker has everything."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="publish")
        self._poller = threading.Thread(target=self._poll, name="publish-poll", daemon=True)
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._open = 0
        self._closed = False

    def start(self) -> None:
        """Start polling."""
        self._poller.start()

    def close(self) -> None:
        """Wait a little for open answers, then stop."""
        self._threads.shutdown()
        with suppress(PublishError):
            self._publisher.flush(5.0)
        self._closed = True
        self._wake.set()
        self._poller.join(2.0)

    async def publish(self, topic: Topic, events: Sequence[dict[str, Any]]) -> Outcome:
        """Publish what is valid of some events, and wait until the broker has acknowledged it.

        Raises:
            ApiError: 503: too much is open already, or the broker did not answer in time. What it
                got is in the log then, or may come: send again with the same event_ids.
        """
        with self._lock:
            if self._open + len(events) > OPEN_EVENTS:
                raise unavailable("kafka", "too many events wait for the broker; slow down")
            self._open += len(events)
        loop = asyncio.get_running_loop()
        acknowledged: asyncio.Future[Outcome] = loop.create_future()
        delivery = _Delivery(len(events), self._answered, loop, acknowledged)
        try:
            await loop.run_in_executor(self._threads, self._hand_over, topic, events, delivery)
            async with asyncio.timeout(ACK_SECONDS):
                return await acknowledged
        except TimeoutError:
            raise unavailable(
                "kafka",
                f"the broker did not acknowledge within {ACK_SECONDS:g} s; "
                "send the events again with the same event_ids",
            ) from None

    async def each(
        self, topic: Topic, events: Sequence[dict[str, Any]]
    ) -> list[Position | InvalidEventError]:
        """`publish`, with what became of each event in its place."""
        outcome = await self.publish(topic, events)
        found: dict[int, Position | InvalidEventError] = {**outcome.positions, **outcome.rejected}
        return [found[place] for place in range(len(events))]

    def _hand_over(
        self, topic: Topic, events: Sequence[dict[str, Any]], delivery: _Delivery
    ) -> None:
        closed = 0
        try:
            checked = self._publisher.check(topic, events)
            for index, (event, value) in enumerate(zip(events, checked, strict=True)):
                if isinstance(value, InvalidEventError):
                    delivery.reject(index, value)
                else:
                    self._publisher.publish(
                        topic, event, value=value, on_delivery=delivery.callback(index)
                    )
                    self._wake.set()
                closed += 1
        except BaseException:
            self._answered(len(events) - closed)
            raise

    def _answered(self, events: int) -> None:
        with self._lock:
            self._open -= events

    def _poll(self) -> None:
        while not self._closed:
            self._wake.wait()
            with suppress(PublishError):  # "not all of it yet" is the usual case here
                self._publisher.flush(POLL_SECONDS)
            with self._lock:
                if self._open == 0 and not self._closed:
                    self._wake.clear()


class _Delivery:
    """Collects the broker's answers to one request; called from the threads that poll."""

    def __init__(
        self,
        events: int,
        answered: Any,
        loop: asyncio.AbstractEventLoop,
        acknowledged: asyncio.Future[Outcome],
    ) -> None:
        self.outcome = Outcome()
        self._remaining = events
        self._answered = answered
        self._loop = loop
        self._acknowledged = acknowledged
        self._lock = threading.Lock()
        self._refused: str | None = None

    def reject(self, index: int, error: InvalidEventError) -> None:
        """This event does not go to the broker."""
        self.outcome.rejected[index] = error
        self._done()

    def callback(self, index: int) -> Any:
        """What the producer calls with the broker's answer to that event."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self.outcome.positions[index] = Position(
                    message.topic(), message.partition(), message.offset()
                )
            else:
                self._refused = str(error)
            self._done()

        return delivered

    def _done(self) -> None:
        self._answered(1)
        with self._lock:
            self._remaining -= 1
            if self._remaining:
                return
        # Only fails when the loop is gone, and then nobody waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if self._acknowledged.done():
            return
        if self._refused is not None:
            self._acknowledged.set_exception(
                unavailable(
                    "kafka",
                    f"the broker refused: {self._refused}; send again with the same event_ids",
                )
            )
        else:
            self._acknowledged.set_result(self.outcome)
