"""Peers whose dependencies do not go together with ours live in an environment of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.measured import ROOT, NotMeasuredError

_REQUIREMENTS = ("quixstreams==3.28.1",)


def peers_python() -> str:
    """The interpreter of `.venv-peers`, which is made at the first call.

    Raises:
        NotMeasuredError: the peers cannot be installed here.
    """
    home = ROOT / ".venv-peers"
    python, stamp = home / "bin" / "python", home / ".installed"
    if stamp.exists() and stamp.read_text() == str(_REQUIREMENTS):
        return str(python)
    try:
        _run(sys.executable, "-m", "venv", "--clear", str(home))
        _run(str(python), "-m", "pip", "install", "--quiet", *_REQUIREMENTS)
    except subprocess.CalledProcessError as error:
        raise NotMeasuredError(f"cannot be installed: {error.stderr.strip()[-200:]}") from None
    Path(stamp).write_text(str(_REQUIREMENTS))
    return str(python)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
