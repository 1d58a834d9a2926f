"""A domain that has nothing to do with jobs: a room with a number of seats."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import ClassVar

from streams.decisions.decider import Refused

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Taken:
    by: str
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class FullyBooked:
    seats: int


@dataclass(frozen=True, slots=True)
class Take:
    by: str
    at: dt.datetime = NOW


class Room:
    domain = "rooms"
    events: ClassVar[tuple[type[Taken] | type[FullyBooked], ...]] = (Taken, FullyBooked)
    initial = 0

    def __init__(self, seats: int) -> None:
        self.seats = seats

    def decide(self, state: int, command: Take) -> list[Taken | FullyBooked]:
        if state == self.seats:
            raise Refused("full", "no seat is left")
        taken = Taken(command.by, command.at)
        return [taken, FullyBooked(self.seats)] if state + 1 == self.seats else [taken]

    def evolve(self, state: int, event: Taken | FullyBooked) -> int:
        return state + isinstance(event, Taken)
