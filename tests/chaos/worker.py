"""A virality worker that a signal strikes at a named step of its work.

python -m tests.chaos.worker [OPTIONS_JSON]; see `Options`. Without an argument it loads everything,
then reads the options from standard input. The runtime has no hooks for it: methods of this
process's handler, sink and consumer are wrapped.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from infra.logs import configure
from infra.settings import Settings
from streams.columnar import app as app_module
from streams.columnar import options as worker_options
from streams.columnar.app import run_worker
from streams.columnar.folding import AgentSpec, FoldingHandler
from streams.columnar.kafka.transport import Consumer
from streams.virality.fold import ViralityFold
from streams.workers import folding_worker
from tests.chaos.strikes import Strike, Strikes
from tests.integration.columnar.topics import output_topic, source_topic

STEPS = (
    "restored",
    "fetched",
    "folded",
    "emitted",  # events that follow and dead letters are acknowledged, state rows are not sent
    "produced",
    "acknowledged",
    "before commit",
)


class Options(BaseModel):
    """What a worker is told.

    Attributes:
        strikes: where signals strike it.
        pauses: seconds that it stays at a step whenever it gets there, by step.
        holds: a file by step: it stays there until that file is there.
        session: seconds without a heartbeat after which the group gives a member up.
        rebalance: seconds that the others wait for a member when partitions are handed out anew.
    """

    settings: Settings
    source: str
    output: str
    partitions: int = 2
    horizon: int = 5_000
    strikes: list[Strike] = []
    pauses: dict[str, float] = {}
    holds: dict[str, Path] = {}
    session: float = 10.0
    rebalance: float = 60.0
    chunk_records: int = 60_000


def main(options: Options) -> None:
    """Run until the signal."""
    configure(options.settings, process=options.source)
    _hurry(options)
    spec = AgentSpec(
        name=options.source,
        source=source_topic(options.source, options.partitions),
        output=output_topic(options.output, options.partitions),
        fold=ViralityFold(),
        horizon=options.horizon,
    )
    app = folding_worker(spec, options.settings)
    handler = app.handler
    assert isinstance(handler, FoldingHandler)
    _Steps(options).seen_at(handler, spec)
    run_worker(app)


def _hurry(options: Options) -> None:
    plain = vars(app_module)["faust_settings"]
    short = {
        "broker_session_timeout": options.session,
        "broker_heartbeat_interval": options.session / 4,
        "broker_rebalance_timeout": options.rebalance,
    }
    vars(app_module)["faust_settings"] = lambda told: {**plain(told), **short}
    vars(worker_options)["CHUNK_RECORDS"] = options.chunk_records


class _Steps:
    """Counts passages of the steps, and strikes or stays there as told."""

    def __init__(self, told: Options) -> None:
        steps = {*told.pauses, *told.holds, *(strike.step for strike in told.strikes)}
        assert steps <= set(STEPS)
        self._told = told
        self._strikes = Strikes(told.strikes)

    def passed(self, step: str) -> None:
        """A step was reached; perhaps this process does not return from here."""
        time.sleep(self._told.pauses.get(step, 0.0))
        if step in self._told.holds:
            print(f"holds at {step}", flush=True)
            while not self._told.holds[step].exists():
                time.sleep(0.02)
        self._strikes.passed(step)

    def seen_at(self, handler: FoldingHandler, spec: AgentSpec) -> None:
        """Wrap the methods at which a step is reached."""
        self._around(handler, "process", before="fetched", after="folded")
        self._around(handler, "assigned", after="restored")
        self._around(Consumer, "commit_offsets", before="before commit")
        sink: Any = handler._sink
        send: Callable[..., int] = sink.send
        acknowledged = sink.acknowledged
        rows = 0

        def sent(topic: Any, frame: Any, **where: Any) -> int:
            nonlocal rows
            count = send(topic, frame, **where)
            if topic == spec.output:
                rows += count
                self.passed("produced")
            return count

        def confirmed(timeout: float) -> Any:
            nonlocal rows
            taken = acknowledged(timeout)
            step, rows = "acknowledged" if rows else "emitted", 0
            self.passed(step)
            return taken

        sink.send, sink.acknowledged = sent, confirmed

    def _around(self, owner: Any, name: str, *, before: str = "", after: str = "") -> None:
        plain = getattr(owner, name)

        async def wrapped(*arguments: Any) -> Any:
            self.passed(before)
            result = await plain(*arguments)
            self.passed(after)
            return result

        setattr(owner, name, wrapped)


if __name__ == "__main__":
    told = sys.argv[1] if len(sys.argv) > 1 else sys.stdin.readline()
    if told:
        main(Options.model_validate_json(told))
