"""A redrive in a process of its own, which a signal strikes at a named step of its work.

python -m tests.integration.tools.redriving OPTIONS_JSON
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from typing import Any

from pydantic import BaseModel

from infra.dead_letters import work
from infra.dead_letters.desk import Desk
from infra.settings import Settings
from tests.integration.columnar.topics import source_topic

STEPS = (
    "begins",  # that it begins is not written down yet
    "begun",
    "sent",  # a copy is with the producer; whether it was sent already is chance
    "acknowledged",  # copies are in the log, no note says so
    "noting",  # a note is with the producer
    "noted",
    "over",
)


class Options(BaseModel):
    """What it is told.

    Attributes:
        step: one of STEPS, or none.
        count: at which passage of the step it is killed.
        delay: at most so many seconds after it.
        batch: letters between two notes.
        pause: seconds that it takes over each batch.
    """

    settings: Settings
    topic: str
    partitions: int
    step: str = ""
    count: int = 1
    delay: float = 0.0
    batch: int = 7
    pause: float = 0.0


def main(told: Options) -> None:
    passed: Counter[str] = Counter()

    def at(step: str) -> None:
        passed[step] += 1
        if step and (step, passed[step]) == (told.step, told.count):
            time.sleep(told.delay * random.random())
            os.kill(os.getpid(), signal.SIGKILL)

    def around(name: str, before: str = "", after: str = "") -> None:
        plain = getattr(Desk, name)

        def wrapped(self: Any, *arguments: Any) -> Any:
            at(before)
            result = plain(self, *arguments)
            at(after)
            return result

        setattr(Desk, name, wrapped)

    plain_produce: Any = Desk._produce

    def produce(
        self: Any, topic: str, key: Any, value: Any, headers: Any, *rest: Any, **where: Any
    ) -> None:
        plain_produce(self, topic, key, value, headers, *rest, **where)
        self._producer.poll(0)
        if topic == told.topic:
            at("sent")
        elif dict(headers).get("groundswell.dlq.done"):
            at("noting")

    plain_run: Any = Desk.run

    def run(self: Any, run: Any) -> None:
        at("begins" if run.ends else "")
        plain_run(self, run)
        at("begun" if run.ends else "over")

    Desk._produce = produce  # type: ignore[method-assign]
    Desk.run = run  # type: ignore[method-assign]
    around("copies", after="acknowledged")
    around("notes", after="noted")
    work.BATCH = told.batch
    worked = work.redrive(
        told.settings,
        source_topic(told.topic, told.partitions),
        progress=lambda _: time.sleep(told.pause),
    )
    print(worked.done, worked.found)


if __name__ == "__main__":
    main(Options.model_validate_json(sys.argv[1]))
