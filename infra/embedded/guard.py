"""The supervisor's side of the tether: one small process that outlives it by seconds."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

TETHER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("tether.py"))]
_ENDS_WITHIN = 10.0  # seconds


class Guard:
    """Knows every child by pid and stops them all should this process end without doing so.

    Args:
        held: descriptors the guard keeps open until it ends (the lock of the home).
        unlink: a file it removes after it had to stop children (the description of the stack).
    """

    def __init__(self, held: tuple[int, ...] = (), unlink: Path | None = None) -> None:
        self._held = held
        self._unlink = [str(unlink)] if unlink else []
        self._lock = threading.Lock()
        self._registered: dict[int, str] = {}
        self._start()

    def _start(self) -> None:
        reader, self.pipe = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*TETHER, "guard", *self._unlink],
                stdin=reader,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=self._held,
                start_new_session=True,
                cwd="/",
            )
        finally:
            os.close(reader)

    @property
    def pid(self) -> int:
        """The guard's own process id."""
        return self._process.pid

    def registered(self, pid: int, rank: int, signal: int, grace: float) -> None:
        """Note what a launcher told the guard, in case the guard has to be replaced."""
        with self._lock:
            self._registered[pid] = f"+{pid} {rank} {signal} {grace}\n"

    def forget(self, pid: int) -> None:
        """A child ended and was reaped: its pid may soon be somebody else's."""
        with self._lock:
            if self._registered.pop(pid, None):
                self._write(f"-{pid}\n")

    def ensure(self) -> bool:
        """Replace a guard that was killed; True where that was needed."""
        with self._lock:
            if self._process.poll() is None:
                return False
            with contextlib.suppress(OSError):
                os.close(self.pipe)
            self._start()
            for line in self._registered.values():
                self._write(line)
            return True

    def close(self) -> None:
        """End the guard; it stops whatever is still registered."""
        with contextlib.suppress(OSError):
            os.close(self.pipe)
        try:
            self._process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _write(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # the next `ensure` tells the new guard
            os.write(self.pipe, line.encode())
