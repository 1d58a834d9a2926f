"""One supervised child: started through the tether, logged to a file, stopped with its group."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.embedded.guard import TETHER, Guard

LOG_LIMIT = 20 * 1024 * 1024  # bytes; a longer log is set aside before the next start

_POLL = 0.02  # seconds

SERVER_RANK = 0
PROCESS_RANK = 1  # stopped before the servers it talks to


@dataclass(frozen=True)
class Command:
    """What to run and how to end it.

    Attributes:
        user: the uid to become, where root must not run the command.
        keep_file_access: that user may still enter directories only root can (Linux).
        grace: seconds between the signal and the kill.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    user: int | None = None
    keep_file_access: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0

    def tethered(self, pipe: int, rank: int) -> list[str]:
        """The command line that registers with the guard behind `pipe` first."""
        user = -1 if self.user is None else self.user
        numbers = (pipe, rank, int(self.stop_signal), self.grace, user, int(self.keep_file_access))
        return [*TETHER, "launch", *map(str, numbers), "--", *self.argv]


class Child:
    """A process in a session and process group of its own."""

    def __init__(self, command: Command, log: Path, guard: Guard, rank: int) -> None:
        self._command = command
        self._guard = guard
        set_aside(log)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command.tethered(guard.pipe, rank),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **command.env},
                cwd=command.cwd,
                pass_fds=(guard.pipe,),
                start_new_session=True,
            )
        guard.registered(self.pid, rank, int(command.stop_signal), command.grace)

    @property
    def pid(self) -> int:
        """Its process id, which is also its process group."""
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code (negative: the signal), None while it runs; leftovers of it are killed."""
        if self._process.returncode is None and self._process.poll() is not None:
            self._kill_group()
            self._guard.forget(self.pid)
        return self._process.returncode

    def ask_to_stop(self) -> None:
        """Send its stop signal."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, self._command.stop_signal)

    def wait(self, timeout: float) -> int:
        """Its exit code once it ended by itself; it is stopped where that takes too long."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                return self.stop()
            time.sleep(_POLL)
        return code

    def stop(self) -> int:
        """Stop it, by force when its grace is over; returns the exit code."""
        deadline = time.monotonic() + self._command.grace
        self.ask_to_stop()
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                self._kill_group()
            time.sleep(_POLL)
        return code

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def set_aside(log: Path) -> None:
    """Rename a log that has grown too long; the one set aside before is overwritten."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_name(log.name + ".1"))


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, indented, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join("  " + line for line in text.splitlines()[-lines:])
