"""Folders for attempts, which do not outlive their worker however that ends."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_LOCK = "lock"


@contextmanager
def workspace(home: Path) -> Iterator[Path]:
    """A folder of this process within `home`; those of processes that are gone are removed.

    Raises:
        OSError: `home` cannot be written.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / _LOCK).open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        _sweep(home)
        own = Path(tempfile.mkdtemp(prefix="worker-", dir=home))
        held = (own / _LOCK).open("w")
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with held:
            yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _sweep(home: Path) -> None:
    for folder in home.glob("worker-*"):
        try:
            with (folder / _LOCK).open("w") as lock:
                if not _take(lock):
                    continue
        except FileNotFoundError:
            pass  # its worker was killed before it had one, or while it tidied up
        shutil.rmtree(folder, ignore_errors=True)


def _take(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
