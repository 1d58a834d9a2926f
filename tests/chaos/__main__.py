"""Faults for minutes, then a recount: python -m tests.chaos [--short] [--seed N] [--only SUBJECT].

The subjects are a folding agent with several workers, the agents of forecasts and actuals, the
projections, generation jobs and the relay, one after the other. The last line of the output is one
JSON object: faults, what was lost and what counts twice, of all together and of each. Exit code 0
only if nothing was lost or doubled.
"""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.servers import servers
from tests.chaos import agents
from tests.chaos.broker import broker
from tests.chaos.jobs import subject as jobs
from tests.chaos.outcome import summed
from tests.chaos.projections import subject as projections
from tests.chaos.relay import subject as relay
from tests.chaos.virality import subject as virality

_SUBJECTS = {
    "agents": agents.run,
    "virality": virality.run,
    "projections": projections.run,
    "jobs": jobs.run,
    "relay": relay.run,
}


def main(*, short: bool, seed: int, only: str | None) -> int:
    """Run, and print what it came to; the exit code."""
    with servers() as settings, broker() as server:
        settings = settings.model_copy(update={"kafka_bootstrap_servers": server.address})
        outcomes = {
            name: run(settings, server, short=short, seed=seed)
            for name, run in _SUBJECTS.items()
            if only in (None, name)
        }
    told = summed(outcomes)
    print(json.dumps(told))
    return 1 if told["lost"] or told["doubled"] else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--short", action="store_true", help="a few minutes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=_SUBJECTS, help="one subject")
    asked = parser.parse_args()
    sys.exit(main(short=asked.short, seed=asked.seed, only=asked.only))
