"""One supervisor per home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.embedded.errors import HomeInUseError
from infra.embedded.locks import HomeLock


def test_a_second_supervisor_is_told_the_pid_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lock"
    first = HomeLock(path)
    first.acquire()
    with pytest.raises(HomeInUseError, match=f"process {os.getpid()} .*GROUNDSWELL_HOME"):
        HomeLock(path).acquire()
    first.release()


def test_a_released_home_is_free(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lock"
    for _ in range(2):
        lock = HomeLock(path)
        lock.acquire()
        assert lock.held_by() == os.getpid()
        lock.release()
        assert lock.held_by() is None


def test_the_pid_of_a_dead_holder_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    path.write_text(str(ended.pid))
    lock = HomeLock(path)
    assert lock.held_by() is None
    lock.acquire()
    lock.release()


def test_a_home_stays_taken_while_the_guard_of_a_dead_supervisor_works(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lock"
    lock = HomeLock(path)
    descriptor = lock.acquire()
    guard = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(descriptor,)
    )
    lock.release()
    with pytest.raises(HomeInUseError, match="do not end"):
        HomeLock(path).acquire(patience=0)
    guard.communicate(b"\n")
    lock.acquire()
    lock.release()
