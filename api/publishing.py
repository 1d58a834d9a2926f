"""From a request into the log, without holding up the event loop.

The producer is a blocking library with callbacks. Reading, checking and handing over happen in a
thread; another one polls for the broker's answers while any are open; the last answer of a request
wakes its coroutine.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from api.delivery import Delivery, Outcome
from api.errors import ApiError, unavailable
from schemas.errors import InvalidEventError
from schemas.publisher import Position, Publisher, PublishError
from schemas.topic import Topic

ACK_SECONDS = 20.0  # how long a request waits for the broker before it says so
OPEN_EVENTS = 200_000  # not yet acknowledged, over all requests; more are asked to come back
OPEN_BYTES = 256 << 20  # of the same, as they came
SILENT_SECONDS = 5.0  # without an answer of the broker: it is away, not slow
POLL_SECONDS = 0.1

# What librdkafka may still send when its request was told to come back: little more than that.
OPTIONS = {"linger.ms": 2, "message.timeout.ms": 30_000}

Events = Sequence[dict[str, Any]]


class Publishing:
    """Publishes for requests; answers when the broker has everything."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="publish")
        self._poller = threading.Thread(target=self._poll, name="publish-poll", daemon=True)
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._open = 0
        self._open_bytes = 0
        self._answered_at = 0.0
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

    async def publish(self, topic: Topic, events: Events) -> Outcome:
        """Publish what is valid of some events, and wait until the broker has acknowledged it.

        Raises:
            ApiError: 429: too much is open already. 503: the same, and the broker is silent; or it
                did not answer in time. What it got is in the log then, or may come: send again
                with the same event_ids.
        """
        return await self.publish_read(topic, lambda: events)

    async def publish_read(
        self, topic: Topic, read: Callable[[], Events], *, size: int = 0
    ) -> Outcome:
        """The same for events that are read out of a request of so many bytes, in a thread.

        Raises:
            ApiError: as `publish`.
            Exception: whatever reading raises.
        """
        loop = asyncio.get_running_loop()
        delivery = Delivery(loop, self._answered)
        with self._bytes_open(size):
            try:
                async with asyncio.timeout(ACK_SECONDS):
                    await loop.run_in_executor(
                        self._threads, self._hand_over, topic, read, delivery
                    )
                    return await delivery.outcome
            except TimeoutError:
                raise unavailable(
                    "kafka",
                    f"the broker did not acknowledge within {ACK_SECONDS:g} s; "
                    "send the events again with the same event_ids",
                ) from None
            finally:
                delivery.outcome.cancel()  # nobody waits any more; of an answer it changes nothing

    async def each(self, topic: Topic, events: Events) -> list[Position | InvalidEventError]:
        """`publish`, with what became of each event in its place."""
        outcome = await self.publish(topic, events)
        found: dict[int, Position | InvalidEventError] = {**outcome.positions, **outcome.rejected}
        return [found[place] for place in range(len(events))]

    def _hand_over(self, topic: Topic, read: Callable[[], Events], delivery: Delivery) -> None:
        events = read()
        with self._lock:
            self._refuse_over(self._open + len(events) > OPEN_EVENTS)
            if not self._open:
                self._answered_at = time.monotonic()
            self._open += len(events)
        try:
            checked = self._publisher.check(topic, events)
        except BaseException:
            self._answered(len(events))
            raise
        delivery.begin(topic, checked)
        self._wake.set()
        self._publisher.publish_checked(
            topic,
            [
                (event, value, delivery.callback(index))
                for index, (event, value) in enumerate(zip(events, checked, strict=True))
                if isinstance(value, bytes)
            ],
        )

    @contextmanager
    def _bytes_open(self, size: int) -> Iterator[None]:
        with self._lock:
            self._refuse_over(self._open_bytes + size > OPEN_BYTES)
            self._open_bytes += size
        try:
            yield
        finally:
            with self._lock:
                self._open_bytes -= size

    def _refuse_over(self, too_much: bool) -> None:
        if not too_much:
            return
        silent = time.monotonic() - self._answered_at
        if silent > SILENT_SECONDS:
            raise unavailable(
                "kafka", f"the broker has acknowledged nothing for {silent:.0f} s; come back"
            )
        raise ApiError(
            429,
            "TOO_MUCH_OPEN",
            "more events wait for the broker than are taken at a time; slow down",
            details={"open_events": self._open, "most_events": OPEN_EVENTS},
            headers={"Retry-After": "1"},
        )

    def _answered(self, events: int) -> None:
        with self._lock:
            self._open -= events
            self._answered_at = time.monotonic()

    def _poll(self) -> None:
        while not self._closed:
            self._wake.wait()
            self._publisher.poll(POLL_SECONDS)
            with self._lock:
                if self._open == 0 and not self._closed:
                    self._wake.clear()
