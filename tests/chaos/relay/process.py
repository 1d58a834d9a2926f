"""A relay as in production: python -m tests.chaos.relay.process.

It loads everything, then reads its settings as one line of JSON from standard input.
"""

from __future__ import annotations

import sys

from infra.settings import Settings
from streams.relaying import main

if __name__ == "__main__":
    line = sys.stdin.readline()
    if line:
        main(Settings.model_validate_json(line))
