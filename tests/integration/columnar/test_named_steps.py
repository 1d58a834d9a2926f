"""kill -9 at every step between fetching events and committing their offset."""

from __future__ import annotations

import signal

from tests.chaos.strikes import Strike
from tests.chaos.worker import STEPS
from tests.integration.columnar.conftest import Pipeline


def test_a_kill_at_any_step_loses_and_doubles_nothing(struck: Pipeline) -> None:
    """One worker after the other dies at its step; the next takes over what that left."""
    for step in STEPS:
        struck.load.publish(3_000)
        # A flush of theirs is let through first, so that state, log and commit differ.
        strike = Strike(step=step, count=1 if step == "restored" else 2, delay=0.02)
        worker = struck.start_worker(strikes=[strike], chunk_records=700)
        struck.load.publish(2_000)
        struck.wait_until_ended(worker, -signal.SIGKILL)
    struck.start_worker()
    struck.wait_until_caught_up()
    struck.assert_exact()
