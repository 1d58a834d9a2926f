"""What a domain of decisions is: two pure functions and the events between them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

StateT = TypeVar("StateT")
CommandT = TypeVar("CommandT", bound="Command", contravariant=True)
EventT = TypeVar("EventT")


class Refused(Exception):
    """The rules do not allow the command in the state that the story is in.

    Attributes:
        reason: why, for a person.
        code: why, for a program: lower case with underscores.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Command(Protocol):
    """A wish to change a story. It carries its time, so that deciding needs no clock."""

    @property
    def at(self) -> dt.datetime:
        """When the command was given (UTC); the events that follow occurred then."""


class Decider(Protocol[StateT, CommandT, EventT]):
    """The rules of one domain.

    Events are frozen dataclasses; their class name is the event's type in the store and the name
    of its record in the domain's topic.
    """

    @property
    def domain(self) -> str:
        """Name of the domain, as in the store."""

    @property
    def events(self) -> Sequence[type[Any]]:
        """Every class of event that the domain can record."""

    @property
    def initial(self) -> StateT:
        """The state before the first event."""

    def decide(self, state: StateT, command: CommandT) -> list[EventT]:
        """What follows from the command; the empty list when it changes nothing.

        Raises:
            Refused: the rules do not allow it.
        """

    def evolve(self, state: StateT, event: EventT) -> StateT:
        """The state after the event. Never refuses: what is recorded happened."""


def fold(
    decider: Decider[StateT, CommandT, EventT], events: Iterable[EventT], state: StateT
) -> StateT:
    """The state after those events."""
    for event in events:
        state = decider.evolve(state, event)
    return state
