"""What a run of faults came to, and a load that is spread over its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_BATCHES = 200


@dataclass
class Outcome:
    """The figures of one subject.

    Attributes:
        faults: how many there were; `kinds` says of which kind.
        lost: what is missing.
        doubled: what counts twice.
        events: how many there were in the log.
        seconds: from the first fault to the end of the recount.
        besides: figures of this subject alone.
    """

    faults: int
    lost: int
    doubled: int
    events: int
    kinds: dict[str, int]
    seconds: int
    besides: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All of it, flat."""
        told = {**vars(self), **self.besides}
        del told["besides"]
        return told


def summed(outcomes: dict[str, Outcome]) -> dict[str, Any]:
    """Of all subjects together, and of each under its name."""
    names = ("faults", "lost", "doubled", "events", "seconds")
    return {
        **{name: sum(getattr(one, name) for one in outcomes.values()) for name in names},
        **{name: one.as_json() for name, one in outcomes.items()},
    }


def spread(publish: Callable[[int], None], events: int, seconds: float) -> None:
    """Publish that many events, spread over the time."""
    started = time.monotonic()
    for number in range(_BATCHES):
        publish(events // _BATCHES)
        time.sleep(max(0.0, started + (number + 1) * seconds / _BATCHES - time.monotonic()))
