"""Runs a script in a process of its own and reads the rate that it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


class NotMeasuredError(Exception):
    """A peer did not run; the message says why."""


def started(
    module: str, arguments: dict[str, Any], env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A module that runs beside us until it is killed; what it says is thrown away."""
    return subprocess.Popen(
        [sys.executable, "-m", module, json.dumps(arguments)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def measured(
    module: str, arguments: dict[str, Any], *, python: str = sys.executable, timeout: float = 600
) -> float:
    """Events a second of a module; see `measured_facts`."""
    facts = measured_facts(module, arguments, python=python, timeout=timeout)
    return float(facts["events"] / facts["seconds"])


def measured_facts(
    module: str, arguments: dict[str, Any], *, python: str = sys.executable, timeout: float = 600
) -> dict[str, Any]:
    """The object that the module prints last: at least {"events", "seconds"}.

    Raises:
        NotMeasuredError: it failed, or took longer than `timeout` seconds.
    """
    try:
        done = subprocess.run(
            [python, "-m", module, json.dumps(arguments)],
            cwd=ROOT,
            env={**os.environ, "PYTHONWARNINGS": "ignore", "POLARS_MAX_THREADS": "2"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise NotMeasuredError(f"{module} was not done after {timeout:g} s") from None
    start = done.stdout.rfind('{"events"')  # Faust writes control characters before it
    if done.returncode or start < 0:
        raise NotMeasuredError(f"{module} failed: {done.stderr.strip()[-300:]}")
    facts: dict[str, Any] = json.JSONDecoder().raw_decode(done.stdout[start:])[0]
    return facts
