"""Ends a worker that has stopped working without noticing.

Faust stays "up" with a dead agent, and a consumer can stop fetching after a rebalance or a broker
restart. A thread of its own sees that: it needs no event loop to be alive.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
from collections.abc import Iterator
from time import monotonic, sleep

import structlog

log = structlog.get_logger()

_GRACE_S = 5.0  # a pause of the whole machine is no reason to end


class Watchdog:
    """Wants to hear a beat for every progress, and while there is nothing to do.

    Args:
        seconds: silence after which it writes all stacks to stderr and ends the process.
        exit_code: the process's exit code then.
    """

    def __init__(self, name: str, seconds: float, exit_code: int) -> None:
        self._name = name
        self._seconds = seconds
        self._exit_code = exit_code
        self._last_beat = monotonic()
        self._patient = 0

    def start(self) -> None:
        """Begin to watch."""
        self.beat()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def beat(self) -> None:
        """The worker works, or has nothing to do."""
        self._last_beat = monotonic()

    @contextlib.contextmanager
    def patience(self) -> Iterator[None]:
        """Do not count the time of something long that has time-outs of its own."""
        self._patient += 1
        try:
            yield
        finally:
            self._patient -= 1
            self.beat()

    def _watch(self) -> None:
        while True:
            # This thread needs the interpreter's lock. When nobody gives that back, nothing in
            # Python can notice it; faulthandler's own thread does, and ends the process with 1.
            faulthandler.dump_traceback_later(self._seconds + _GRACE_S, exit=True)
            sleep(min(1.0, self._seconds / 4))
            silence = monotonic() - self._last_beat
            if not self._patient and silence > self._seconds:
                log.error("no progress", worker=self._name, seconds=round(silence, 1))
                faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
                os._exit(self._exit_code)
