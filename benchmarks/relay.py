"""How soon decisions are in their topic, and whether all are and in the order of their commits.

Eight writers decide 500 times a second; one in a hundred of their transactions stays open for up to
half a second. Then they append as fast as they can, beside writers that insert bare rows.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.generation import Stories, running
from benchmarks.machine import machine
from benchmarks.measured import measured, started
from infra.settings import Settings

RATE = 500  # decisions/s
SECONDS = 30
BAR_MS = 200.0  # of p99
_GIVE_UP_S = 20.0
_FULL_SPEED_S = 8.0

Place = tuple[str, int]  # job and version


class Commit(NamedTuple):
    """A decision was committed between these two times, in seconds since 1970."""

    before: float
    after: float


class Relayed(NamedTuple):
    """A decision that came out of the topic, at a time in seconds since 1970."""

    place: Place
    partition: int
    at: float


def run(seconds: int = SECONDS, rate: int = RATE) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench relay --json` prints. `ours` is p99."""
    with running("relay") as settings:
        file = settings.home / "committed"
        relayed = _relayed(settings, file, rate, seconds)
        committed = commits(file.read_text().splitlines())
        full = {"dsn": settings.dsn, "seconds": _FULL_SPEED_S}
        ours = measured("benchmarks.relay_load", {**full, "committed": "/dev/null", "mark": "full"})
        bare = measured("benchmarks.raw_insert", full)
    first: dict[Place, Relayed] = {}
    for one in relayed:
        first.setdefault(one.place, one)
    waits = [1e3 * (first[place].at - one.before) for place, one in committed.items()]
    p50, p90, p99 = np.quantile(waits, (0.5, 0.9, 0.99)).round(1).tolist()
    return {
        "name": "relay",
        "ours": p99,
        "unit": "ms (p99)",
        "bar": BAR_MS,
        "p50_ms": p50,
        "p90_ms": p90,
        "p99_ms": p99,
        "max_ms": round(max(waits), 1),
        "rate": round(len(committed) / seconds),
        "events": len(committed),
        "skipped": len(committed.keys() - first.keys()),
        "repeated": len(relayed) - len(first),
        "overtaken": overtaken(first.values(), committed),
        "appends": {
            "ours": round(ours),
            "peers": {"insert": round(bare)},
            "ratios": {"insert": round(ours / bare, 2)},
        },
        "peers": {},
        "ratios": {},
        "machine": machine(),
    }


def commits(lines: Iterable[str]) -> dict[Place, Commit]:
    """What a load has written down, see `relay_load.Options`."""
    found = {}
    for line in lines:
        job, version, before, after = line.split()
        found[job, int(version)] = Commit(float(before), float(after))
    return found


def overtaken(relayed: Iterable[Relayed], committed: dict[Place, Commit]) -> int:
    """Decisions that stand in a partition before one whose commit was over when theirs began."""
    earliest: dict[int, float] = {}  # end of a commit that comes later in the partition
    count = 0
    for one in reversed(list(relayed)):
        commit = committed.get(one.place)
        if commit is None:
            continue
        after = earliest.get(one.partition, commit.after)
        count += after < commit.before
        earliest[one.partition] = min(after, commit.after)
    return count


def _relayed(settings: Settings, file: Path, rate: int, seconds: int) -> list[Relayed]:
    """What comes out of the topic while a load writes, until all of it is there."""
    options = {
        "dsn": settings.dsn,
        "committed": str(file),
        "seconds": seconds,
        "rate": rate,
    }
    stories = Stories(settings)
    load = started("benchmarks.relay_load", options)
    found: list[Relayed] = []
    try:
        while load.poll() is None:
            found += _read(stories)
        wanted = commits(file.read_text().splitlines()).keys()
        deadline = time.monotonic() + _GIVE_UP_S
        while not wanted <= {one.place for one in found} and time.monotonic() < deadline:
            found += _read(stories)
    finally:
        load.kill()
        load.wait()
        stories.close()
    return found


def _read(stories: Stories) -> list[Relayed]:
    events = stories.read(0.1)
    now = time.time()
    return [
        Relayed((event["job_id"], event["version"]), partition, now) for partition, event in events
    ]


if __name__ == "__main__":
    print(json.dumps(run(*map(int, sys.argv[1:2])), indent=1))
