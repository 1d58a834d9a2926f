"""File locks that the kernel releases when their last holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from infra.embedded.errors import HomeInUseError

_ORPHANS_END_WITHIN = 30.0  # seconds; the guard's grace and some
_POLL = 0.1  # seconds


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, waiting for it as long as it takes."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class HomeLock:
    """One supervisor per home.

    The descriptor may be inherited: whoever still holds it keeps the home. The guard does, so a
    home whose supervisor was killed is free only once its last child is gone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, patience: float = _ORPHANS_END_WITHIN) -> int:
        """Take the lock and return its descriptor.

        Raises:
            HomeInUseError: a living supervisor holds it, or the children of a dead one do not end
                within `patience` seconds.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = self.holder()
                if holder is not None or time.monotonic() > deadline:
                    os.close(descriptor)
                    raise HomeInUseError(self._message(holder)) from None
                time.sleep(_POLL)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor
        return descriptor

    def release(self) -> None:
        """Give the lock back; nothing happens where it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def held_by(self) -> int | None:
        """The pid of the living supervisor that holds this lock, without waiting for it."""
        try:
            descriptor = os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self.holder()
        finally:
            os.close(descriptor)
        return None

    def holder(self) -> int | None:
        """The pid that wrote itself into the lock, if it is alive."""
        try:
            process = psutil.Process(int(self.path.read_text()))
            ended = process.status() == psutil.STATUS_ZOMBIE
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None
        return None if ended else process.pid

    def _message(self, holder: int | None) -> str:
        home = self.path.parent.parent
        if holder is None:
            return (
                f"servers of an earlier run in {home} do not end: look at their logs in {home}/logs"
            )
        return (
            f"process {holder} runs a stack in {home} already: stop it with `groundswell down`, "
            "or choose another GROUNDSWELL_HOME"
        )
