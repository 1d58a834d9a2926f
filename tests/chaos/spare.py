"""Workers that have loaded everything and wait to be told what to do.

Loading takes longer than all the rest of a worker's start, and there are many starts. A spare one
ends by itself when nobody can tell it anything any more: its standard input is closed then.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
import tempfile
from pathlib import Path

Process = subprocess.Popen[bytes]

_logs = tempfile.TemporaryDirectory(prefix="groundswell-workers-")
_waiting: dict[str, tuple[Process, Path]] = {}
_started = 0


def told(options_json: str, module: str = "tests.chaos.worker") -> tuple[Process, Path]:
    """A worker with these options (`Options` of its module), and the file of its output."""
    worker, log = _waiting.pop(module, None) or _spare(module)
    assert worker.stdin is not None
    with worker.stdin as said:
        said.write(options_json.encode() + b"\n")
    _waiting[module] = _spare(module)
    return worker, log


def _spare(module: str) -> tuple[Process, Path]:
    global _started
    _started += 1
    path = Path(_logs.name) / f"{_started}.log"
    with path.open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    return worker, path


@atexit.register
def _end() -> None:
    for worker, _ in _waiting.values():
        worker.kill()
        worker.wait()
        if worker.stdin is not None:
            worker.stdin.close()
    _logs.cleanup()
