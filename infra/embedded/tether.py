"""Ties children to their supervisor; run as a script, so it imports the standard library only.

`tether.py launch FD RANK SIGNAL GRACE UID KEEP -- ARGV...` registers its own pid with the guard
through the inherited descriptor FD and becomes ARGV. `tether.py guard [FILE]` reads registrations
from stdin; end of file means that the supervisor is gone and that no launch is half done, because
every launcher holds the pipe until it is registered. The guard then stops what is registered,
highest rank first, removes FILE and ends.

A pipe works on every Unix. Linux's parent-death signal would not do: it is tied to the thread that
forked, and the supervisor starts servers from short-lived threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
import sys
import time

_POLL = 0.05  # seconds
_CAP_DAC_OVERRIDE = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION = 0x20080522


def launch(arguments: list[str]) -> None:
    """Register with the guard, give up root where asked to, become the command."""
    pipe, rank, number, grace, uid, keep = arguments[:6]
    argv = arguments[arguments.index("--") + 1 :]
    descriptor = int(pipe)
    os.write(descriptor, f"+{os.getpid()} {rank} {number} {grace}\n".encode())
    os.close(descriptor)
    try:
        if int(uid) >= 0:
            _become(int(uid), keep_file_access=keep == "1")
        os.execvp(argv[0], argv)  # noqa: S606  # our own argv  # nosec B606
    except OSError as error:
        sys.stderr.write(f"cannot run {argv[0]}: {error}\n")
        os._exit(127)


def _become(uid: int, *, keep_file_access: bool) -> None:
    """Leave root for another user.

    With `keep_file_access` the capability to pass through directories that only root may enter is
    kept, so that nothing on the way to the data directory has to be opened to everybody.
    """
    import pwd

    libc = ctypes.CDLL(None, use_errno=True)
    if keep_file_access:
        _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setgid(pwd.getpwuid(uid).pw_gid)
    os.setuid(uid)
    if keep_file_access:
        bit = 1 << _CAP_DAC_OVERRIDE
        header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
        _checked(libc.capset(header, struct.pack("6I", bit, bit, bit, 0, 0, 0)))
        _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "cannot keep file access while leaving root")


def guard(arguments: list[str]) -> None:
    """Wait for the supervisor's end, then leave nothing behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    children: dict[int, tuple[int, int, float]] = {}
    for line in sys.stdin:
        pid, *rest = line[1:].split()
        if line[0] == "+":
            children[int(pid)] = (int(rest[0]), int(rest[1]), float(rest[2]))
        else:
            children.pop(int(pid), None)
    for rank in sorted({rank for rank, _, _ in children.values()}, reverse=True):
        _stop({pid: c for pid, c in children.items() if c[0] == rank})
    if children and arguments:
        with contextlib.suppress(OSError):
            os.unlink(arguments[0])  # noqa: PTH108


def _stop(children: dict[int, tuple[int, int, float]]) -> None:
    """Ask each child to end, and end its whole process group when its grace is over."""
    started = time.monotonic()
    for pid, (_, number, _) in children.items():
        _signal(pid, number)
    waiting = dict(children)
    while waiting:
        for pid, (_, _, grace) in list(waiting.items()):
            if not _alive(pid) or time.monotonic() - started > grace:
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
                del waiting[pid]
        time.sleep(_POLL)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    {"launch": launch, "guard": guard}[sys.argv[1]](sys.argv[2:])
