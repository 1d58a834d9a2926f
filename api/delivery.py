"""What becomes of the events of one request, gathered from the broker's answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from confluent_kafka import KafkaError, Message

from api.errors import unavailable
from schemas.errors import InvalidEventError
from schemas.publisher import Delivered, Position
from schemas.topic import Topic

# Errors of an event, not of the broker: sent again it would fail again.
_FAULTS = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD})


class Placed(NamedTuple):
    """Where an event of a request stands in the request's topic."""

    place: int  # in the request
    partition: int
    offset: int


@dataclass(slots=True)
class Outcome:
    """What became of the events of one request.

    Attributes:
        topic: its name.
        placed: the events that the broker has acknowledged, in the request's order.
        rejected: what is wrong with the others, by their index in the request.
    """

    topic: str = ""
    placed: list[Placed] = field(default_factory=list)
    rejected: dict[int, InvalidEventError] = field(default_factory=dict)

    @property
    def positions(self) -> dict[int, Position]:
        """Where each accepted event stands, by its index in the request."""
        return {
            place: Position(self.topic, partition, offset)
            for place, partition, offset in self.placed
        }

    @property
    def last(self) -> Position | None:
        """Where the last accepted event stands."""
        if not self.placed:
            return None
        _, partition, offset = self.placed[-1]
        return Position(self.topic, partition, offset)


class Delivery:
    """Waits for the broker's answers to one request; they come from the threads that poll.

    Args:
        answered: told, once, of how many events the last answer has come.

    Attributes:
        outcome: when every event has an answer. An `ApiError` (503) where the broker refused one
            for a reason that may pass.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, answered: Callable[[int], None]) -> None:
        self.outcome: asyncio.Future[Outcome] = loop.create_future()
        self._loop = loop
        self._tell = answered
        self._topic = ""
        self._events = 0
        self._expected = 0
        self._rejected: dict[int, InvalidEventError] = {}
        # Added to at the end by any thread, which needs no lock; nor does their length.
        self._placed: list[Placed] = []
        self._refused: list[tuple[int, KafkaError | None]] = []
        self._settled = False

    def begin(self, topic: Topic, checked: Sequence[bytes | InvalidEventError]) -> None:
        """Say which events go to the broker, before any does."""
        self._topic = topic.name
        self._events = len(checked)
        self._rejected = {
            index: value for index, value in enumerate(checked) if not isinstance(value, bytes)
        }
        self._expected = len(checked) - len(self._rejected)
        if not self._expected:
            self._wake()

    def callback(self, index: int) -> Delivered:
        """What the producer calls with the broker's answer to that event."""
        return partial(self._delivered, index)

    def _delivered(self, index: int, error: KafkaError | None, message: Message | None) -> None:
        if error is None and message is not None:
            self._placed.append(Placed(index, message.partition() or 0, message.offset() or 0))
        else:
            self._refused.append((index, error))
        if len(self._placed) + len(self._refused) == self._expected:
            self._wake()

    def _wake(self) -> None:
        # Only fails when the loop is gone, and then nobody waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if self._settled:
            return
        self._settled = True
        self._tell(self._events)
        if self.outcome.done():  # its request has gone
            return
        for index, error in self._refused:
            if error is None or error.code() not in _FAULTS:
                message = f"the broker refused: {error}; send again with the same event_ids"
                self.outcome.set_exception(unavailable("kafka", message))
                return
            self._rejected[index] = InvalidEventError("", f"the broker refused it: {error}")
        self.outcome.set_result(Outcome(self._topic, sorted(self._placed), self._rejected))
