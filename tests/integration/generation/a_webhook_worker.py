"""A deliverer in a process of its own, which a test can kill: `python -m ... DSN`."""

from __future__ import annotations

import asyncio
import sys

from streams.generation.work.webhook_worker import run
from tests.integration.generation.a_worker import PULSE
from tests.integration.generation.test_dispatch import Outbox

KEY = b"k" * 24

if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], (KEY,), Outbox(), private=True, pulse=PULSE))
