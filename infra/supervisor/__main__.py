"""The supervisor in the background: `python -m infra.supervisor FD`; see `daemon`.

It reports once into the descriptor FD: what stack.json says and `first_account`, which is null but
at the first start; or `{"error": reason}`.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

import structlog

from infra.first_account import Beginning
from infra.logs import configure
from infra.processes import processes
from infra.settings import Settings
from infra.supervisor.supervisor import Supervisor

log = structlog.get_logger()

_PROCESSES_START_WITHIN = 60.0  # seconds


def main(descriptor: int) -> int:
    """Start the stack, report, and stay until told to stop; returns the exit code."""
    os.set_inheritable(descriptor, False)
    settings = Settings()
    configure(settings, process="supervisor")
    begin = Beginning(settings, import_module("infra.provision").provision)
    supervisor = Supervisor(settings, processes(settings), begin)
    with supervisor.signals():
        try:
            supervisor.start()
        except Exception as error:
            log.exception("cannot start")
            _report(descriptor, {"error": str(error) or type(error).__name__})
            return 1
        late = supervisor.await_running(_PROCESSES_START_WITHIN)
        if late:
            log.warning("not running yet", processes=late)
        account = begin.account and begin.account.facts()
        _report(descriptor, {**supervisor.describe(), "first_account": account})
        begin.account = None
        supervisor.run_forever()
    return 0


def _report(descriptor: int, answer: dict[str, Any]) -> None:
    with open(descriptor, "w") as report:  # a descriptor, not a path
        try:
            json.dump(answer, report)
            report.flush()
        except BrokenPipeError:
            log.info("nobody waits for the start any more")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
