"""The command line in a process that has loaded everything: `HotCli`.

A command spends more time on loading than on its work, and some tests give dozens. Here they run
one after the other in one process: `python -m tests.hot_cli`, which reads a line of JSON for each
(its arguments) and answers with one. What a command writes is caught at the file descriptors, so
that the words of its libraries are among it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import IO, Any


class HotCli:
    """Runs commands as `subprocess.run([... "groundswell", *arguments])` would.

    Args:
        environment: all of it.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hot_cli"],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Exit code and words of a command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"{arguments} ended the process"
        found: dict[str, Any] = json.loads(answer)
        return subprocess.CompletedProcess(arguments, found["code"], found["out"], found["err"])

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            code = _code(json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            answer = {"code": code, "out": _written(out), "err": _written(err)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _code(arguments: list[str]) -> int:
    from infra.cli import main

    sys.argv = ["groundswell", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _written(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


if __name__ == "__main__":
    _serve()
