"""A stack in the background: started, waited for, stopped from another terminal."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from infra.embedded.child import set_aside, tail
from infra.embedded.errors import EmbeddedError, HomeInUseError
from infra.embedded.home import Home
from infra.embedded.locks import HomeLock
from infra.settings import Settings
from infra.supervisor.environment import as_environment
from infra.supervisor.shown_once import FirstAccount

_STOPS_WITHIN = 60.0  # seconds
_POLL = 0.1  # seconds


def start_detached(settings: Settings) -> tuple[dict[str, Any], FirstAccount | None]:
    """Start a stack that outlives this process; returns what its stack.json says, and the account
    that was made if this was the first start.

    It returns when the servers answer, provisioning is done and the processes do their work. A
    process that is late does not make it fail: its `state` tells.

    Raises:
        HomeInUseError: a stack runs in this home already.
        EmbeddedError: it does not start; the message has the reason and the log's path.
    """
    home = Home(settings.home)
    home.prepare()
    if (pid := running_pid(settings)) is not None:
        raise HomeInUseError(f"process {pid} runs a stack in {home.path} already")
    log = home.log("supervisor")
    set_aside(log)
    reader, writer = os.pipe()
    with log.open("ab") as output:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "infra.supervisor", str(writer)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(writer,),
            start_new_session=True,
            env={**os.environ, **as_environment(settings)},
        )
    os.close(writer)
    with open(reader) as report:  # noqa: PTH123  # a descriptor, not a path
        said = report.read()  # end of file: it said it, or it died
    if said == "":
        daemon.wait()
        raise EmbeddedError(f"the supervisor ended; see {log}, which ends:\n{tail(log)}")
    answer: dict[str, Any] = json.loads(said)
    if "error" in answer:
        daemon.wait()
        raise EmbeddedError(f"{answer['error']}\nmore in {log}")
    daemon.returncode = 0  # it lives on: nothing to wait for when this object goes
    account = answer.pop("first_account")
    return answer, None if account is None else FirstAccount(**account)


def stop_detached(settings: Settings) -> bool:
    """Stop the stack of this home, whoever started it; False where none runs.

    Raises:
        EmbeddedError: it does not end.
    """
    pid = running_pid(settings)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOPS_WITHIN
    while running_pid(settings) is not None:
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"the supervisor {pid} does not end: see {Home(settings.home).log('supervisor')}; "
                f"`kill -9 {pid}` ends it and everything it started"
            )
        time.sleep(_POLL)
    return True


def running_pid(settings: Settings) -> int | None:
    """The pid of the supervisor of this home, None where none runs."""
    return HomeLock(settings.home / "run" / "lock").held_by()


def read_stack(settings: Settings) -> dict[str, Any] | None:
    """What the running supervisor of this home says of itself; None where none runs."""
    if running_pid(settings) is None:
        return None
    try:
        stack: dict[str, Any] = json.loads(Path(settings.stack_file).read_text())
    except FileNotFoundError:
        return None
    return stack
