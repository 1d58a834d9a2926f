"""Jobs a second, from requests in their topic to the last event of the last story in theirs.

Dispatcher and relay run as in production, workers too but for their provider, which does nothing.
Beside it the queue underneath alone: procrastinate as it comes with a task that does nothing, as
many workers, as many at once, on the same server.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.schema import SchemaManager
from procrastinate.types import JSONDict

from benchmarks.generation import Stories, a_request, publisher, running, workers
from benchmarks.machine import machine
from benchmarks.measured import measured_facts
from infra.settings import Settings
from schemas.catalogue import GENERATION_REQUESTS

JOBS = 10_000
WORKERS = 2
CONCURRENCY = 8  # attempts at once in one worker
BAR, STRETCH = 200, 500  # jobs/s
_PATIENCE_S = 30.0  # without an event for so long, something is broken
_WARM_UP = 100  # jobs that are not counted: processes have loaded everything then
_SCHEMA = "peer"
_BATCH = 1_000  # tasks deferred at once


def run(
    jobs: int = JOBS, *, count: int = WORKERS, concurrency: int = CONCURRENCY
) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench jobs --json` prints.

    Args:
        count: worker processes.
        concurrency: attempts at once in each.
    """
    with running("dispatcher", "relay") as settings:
        with workers(settings, count, concurrency):
            _told(settings, "warm", _WARM_UP)
            facts = _told(settings, "job", jobs)
        bare = _procrastinate(settings.dsn, jobs, count, concurrency)
    ours = jobs / facts["seconds"]
    return {
        "name": "jobs",
        "ours": round(ours, 1),
        "unit": "jobs/s",
        "bar": BAR,
        "stretch": STRETCH,
        "jobs": jobs,
        "workers": count,
        "concurrency": concurrency,
        **facts,
        "peers": {"procrastinate": round(bare, 1)},
        "ratios": {"procrastinate": round(ours / bare, 2)},
        "machine": machine(),
    }


def _told(settings: Settings, mark: str, jobs: int) -> dict[str, Any]:
    """Publish the requests, read the stories to their ends; how long that took, and whether every
    event came once and in order.

    Args:
        mark: what the jobs' ids begin with.
    """
    stories = Stories(settings)
    seen: Counter[str] = Counter()  # by job, its latest version
    kinds: Counter[str] = Counter()
    disordered = 0
    before = _processor_times()
    started = heard = time.monotonic()
    _publish(settings, mark, jobs)
    while kinds["Completed"] + kinds["Failed"] < jobs:
        events = stories.read(0.2)
        now = time.monotonic()
        if not events and now - heard > _PATIENCE_S:
            raise RuntimeError(f"no more events: {dict(kinds)}")
        heard = now if events else heard
        for _, event in events:
            if not event["job_id"].startswith(mark):
                continue
            disordered += event["version"] != seen[event["job_id"]] + 1
            seen[event["job_id"]] = event["version"]
            kinds[event["_type"]] += 1
    seconds = time.monotonic() - started
    spent = _processor_times()
    stories.close()
    return {
        "seconds": round(seconds, 2),
        "events": kinds.total(),
        "disordered": disordered,
        "kinds": dict(kinds),
        "cpu_ms_per_job": {
            name: round(1e3 * (spent[name] - before.get(name, 0.0)) / jobs, 2) for name in spent
        },
    }


def _publish(settings: Settings, mark: str, jobs: int) -> None:
    door = publisher(settings)
    for number in range(jobs):
        door.publish(GENERATION_REQUESTS, a_request(number, f"{mark}{number:06d}"))
    door.flush()


def _processor_times() -> dict[str, float]:
    """Processor seconds so far of what is started by this process, by kind, and of itself."""
    times: dict[str, float] = defaultdict(float)
    this = psutil.Process()
    for process in [this, *this.children(recursive=True)]:
        try:
            used = process.cpu_times()
            times[_kind(process, this)] += used.user + used.system
        except psutil.Error:
            continue
    return dict(times)


def _kind(process: psutil.Process, this: psutil.Process) -> str:
    if process == this:
        return "benchmark"
    words = process.cmdline()
    for word, kind in {
        "dispatcher": "dispatcher",
        "relay": "relay",
        "benchmarks.noop_worker": "workers",
        "kafka.Kafka": "kafka",
    }.items():
        if word in words:
            return kind
    return "postgres" if process.name() == "postgres" else "others"


def _procrastinate(dsn: str, tasks: int, count: int, concurrency: int) -> float:
    """Tasks a second of bare procrastinate, in a schema of its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {_SCHEMA}".encode())
    own = f"{dsn}{'&' if '?' in dsn else '?'}options={quote(f'-csearch_path={_SCHEMA}')}"
    with psycopg.connect(own) as connection:
        connection.execute(SchemaManager.get_schema().encode())
    app = App(connector=PsycopgConnector(conninfo=own))

    @app.task(name="nothing")
    def nothing(number: int) -> None: ...

    with app.open():
        for first in range(0, tasks, _BATCH):
            numbers: list[JSONDict] = [
                {"number": n} for n in range(first, min(first + _BATCH, tasks))
            ]
            nothing.batch_defer(*numbers)
    options = {"dsn": own, "concurrency": concurrency}
    with ThreadPoolExecutor(count) as threads:
        turns = [
            threads.submit(measured_facts, "benchmarks.procrastinate_worker", options)
            for _ in range(count)
        ]
        facts = [turn.result() for turn in turns]
    return float(sum(one["events"] for one in facts) / max(one["seconds"] for one in facts))


if __name__ == "__main__":
    print(json.dumps(run(*map(int, sys.argv[1:2])), indent=1))
