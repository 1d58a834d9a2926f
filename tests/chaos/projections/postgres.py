"""A PostgreSQL of a test's own, which may be killed and started again."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from infra.embedded.child import Command
from infra.embedded.guard import Guard
from infra.embedded.home import Home
from infra.embedded.postgres import Postgres

# What was committed without waiting for the disk stays in memory for longer than usual, so that a
# kill takes more of it.
_FORGETFUL = {"wal_writer_delay": "5s", "wal_writer_flush_after": "1GB"}
_ENDS_WITHIN_S = 20.0


class OwnPostgres(Postgres):
    """The embedded server, with a short memory."""

    def command(self) -> Command:
        """As the embedded one; commits that nobody waits for are written seldom."""
        command = super().command()
        forgetful = [f"-c{name}={value}" for name, value in _FORGETFUL.items()]
        return replace(command, argv=[*command.argv, *forgetful])

    def kill(self) -> None:
        """End it at once: what its processes had in memory is gone.

        Each of them leads a group of its own, so the postmaster is held still while they are found.
        """
        assert self.child is not None
        postmaster = psutil.Process(self.child.pid)
        postmaster.send_signal(signal.SIGSTOP)
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.child.wait(_ENDS_WITHIN_S)
        _, alive = psutil.wait_procs(family[1:], _ENDS_WITHIN_S)
        assert not alive


@contextmanager
def postgres() -> Iterator[OwnPostgres]:
    """A server that answers; it is gone afterwards, data included."""
    directory = Path(tempfile.mkdtemp(prefix="groundswell-chaos-"))
    home = Home(directory)
    home.prepare()
    guard = Guard()
    server = OwnPostgres(home, guard)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        guard.close()
        shutil.rmtree(directory, ignore_errors=True)
