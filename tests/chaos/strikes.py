"""Signals that a process gets from itself at a named step of its work."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel

# A signal goes to any thread of the process; this one would run on until it is stopped too.
_TAKES_EFFECT_S = 0.3


class Strike(BaseModel):
    """A signal that the process gets from itself.

    Attributes:
        step: a step that it knows.
        count: at which passage of the step.
        delay: at most so many seconds after it, so that what goes on meanwhile is caught half done.
        signal: SIGKILL, or SIGSTOP for a process that somebody will wake.
    """

    step: str
    count: int = 1
    delay: float = 0.0
    signal: int = signal.SIGKILL


class Strikes:
    """Counts the passages of steps, and strikes where that was asked for."""

    def __init__(self, strikes: Iterable[Strike]) -> None:
        self._strikes = list(strikes)
        self._passed: Counter[str] = Counter()

    def passed(self, step: str) -> None:
        """A step was reached; perhaps this process does not return from here."""
        self._passed[step] += 1
        for strike in self._strikes:
            if (strike.step, strike.count) == (step, self._passed[step]):
                time.sleep(strike.delay * random.random())
                os.kill(os.getpid(), strike.signal)
                time.sleep(_TAKES_EFFECT_S)
