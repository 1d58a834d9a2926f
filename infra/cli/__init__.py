"""The command line `groundswell`: one command a file.

Modules here import only what `--help` needs; each command loads the rest when it runs.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any


def main() -> None:
    """Entry point of the console script."""
    from infra.cli.app import app
    from infra.cli.failures import FAILURE, one_line

    debug = os.environ.get("GROUNDSWELL_DEBUG") == "1"
    if not debug:
        # They speak to developers. A filter would not do: a dependency of the registry's client
        # puts its own in front at import.
        warnings.showwarning = _silent
    try:
        app()
    except Exception as error:
        if debug:
            raise
        sys.stderr.write(f"groundswell: {one_line(error)}\n")
        sys.exit(FAILURE)


def _silent(*warning: Any, **where: Any) -> None:
    """Takes the place of `warnings.showwarning`."""
