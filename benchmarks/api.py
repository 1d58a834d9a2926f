"""The API under load: reads, publishing, and listeners, each beside the least it could take.

A real stack with projector and API; everything that asks runs in processes of its own on the same
machine. Beside reads stands a FastAPI application that runs the same SELECT and nothing else;
beside publishing a producer of confluent-kafka that encodes with fastavro and checks nothing;
beside reads under listeners the same reads without any. Rates are also told per second of the
API's processor time, which other work on the machine disturbs less.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.machine import machine, processor_seconds
from benchmarks.measured import ROOT, NotMeasuredError, measured_facts, started
from benchmarks.scores import publish
from infra.cli.common import note
from infra.processes import PROCESSES
from infra.provision import provision
from infra.settings import Settings
from infra.supervisor import Supervisor
from schemas.catalogue import ENGAGEMENT
from schemas.registry import Registry

SECONDS = 15.0  # of each measurement
LISTENING_SECONDS, LONG_SECONDS = 60.0, 600.0
VIDEOS = 50_000  # with a score; a multiple of what is published at once
ASKED = 500  # of them
LISTENERS, LISTENERS_READS = 1_000, 200
CHANGES = 200  # score rows a second while there are listeners
BAR_READS, STRETCH_READS, BAR_P99_MS = 1_500, 3_000, 40.0
BAR_EVENTS, STRETCH_EVENTS = 40_000, 100_000
BAR_LISTENING_MS = 200.0

_SERVING = ("projector", "api")
_LOAD = "benchmarks.api_load"


@dataclass(frozen=True)
class Served:
    """A stack that is measured."""

    settings: Settings
    api: str
    key: str
    pid: int

    def load(self, what: str, **how: Any) -> dict[str, Any]:
        """One measurement, with what the API took of a processor for it."""
        before = processor_seconds(self.pid)
        asked = {"what": what, "api": self.api, "key": self.key, **how}
        facts = measured_facts(_LOAD, asked)
        spent = processor_seconds(self.pid) - before
        facts["per_cpu_second"] = round(facts["events"] / spent) if spent else None
        if facts["wrong"]:
            raise NotMeasuredError(f"{facts['wrong']} of {facts['events']} answers were errors")
        return facts


def run(long: bool = False) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench api --json` prints.

    `ours` is reads of one video a second, as fast as 32 connections get their answers.

    Args:
        long: listen for ten minutes.
    """
    with _served() as served:
        ids = _scored(served)
        reads = _reads(served, "one video", [f"/api/v1/virality/{one}" for one in ids], ids)
        reads += _reads(served, "top list", ["/api/v1/virality/top"], None)
        publishing = _publishing(served)
        listening = _listening(served, ids, LONG_SECONDS if long else LISTENING_SECONDS)
    figures = [*reads, *publishing, *listening]
    first = figures[0]
    return {
        "name": "api",
        "ours": first["ours"],
        "unit": "reads/s",
        "peers": first["baselines"],
        "ratios": {
            name: round(first["ours"] / rate, 3) for name, rate in first["baselines"].items()
        },
        "figures": figures,
        "left_out": {},
        "machine": {**machine(), "load_average": psutil.getloadavg()},
    }


@contextmanager
def _served() -> Iterator[Served]:
    processes = [spec for spec in PROCESSES if spec.name in _SERVING]
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as directory:
        settings = Settings(_env_file=None, groundswell_home=Path(directory))
        with Supervisor(settings, processes=processes, provision=provision) as supervisor:
            late = supervisor.await_running(120)
            if late:
                raise RuntimeError(f"not running: {', '.join(late)}")
            own = supervisor.settings
            stack = json.loads(own.stack_file.read_text())
            pid = next(one["pid"] for one in stack["processes"] if one["name"] == "api")
            key = own.api_key.get_secret_value() if own.api_key else ""
            yield Served(own, supervisor.api, key, pid)


def _scored(served: Served) -> list[str]:
    """Ids of some of the videos, once all of them are in the tables."""
    note(f"publishing scores of {VIDEOS:,} videos ...")
    publish(served.settings, VIDEOS)
    with httpx.Client(base_url=served.api, headers={"X-API-Key": served.key}, timeout=60) as client:
        deadline = time.monotonic() + 300
        while (found := client.get("/api/v1/virality/top?limit=100").json())["total"] < VIDEOS:
            if time.monotonic() > deadline:
                raise NotMeasuredError(f"only {found['total']} videos are in the tables")
            time.sleep(1.0)
        pages = range(0, ASKED, 100)
        return [
            item["video_id"]
            for offset in pages
            for item in client.get(f"/api/v1/virality/top?limit=100&offset={offset}").json()[
                "items"
            ]
        ]


def _reads(
    served: Served, what: str, paths: list[str], ids: list[str] | None
) -> list[dict[str, Any]]:
    note(f"reads of {what} ...")
    busy = served.load("busy", seconds=SECONDS, paths=paths)
    steady = served.load("steady", seconds=SECONDS, paths=paths, rate=BAR_READS)
    bare_paths = ["/top"] if ids is None else [f"/videos/{one}" for one in ids]
    bare = _bare(served, bare_paths)
    return [
        {
            "what": f"{what}: reads/s, 32 connections",
            "ours": busy["per_second"],
            "bar": BAR_READS,
            "stretch": STRETCH_READS,
            "baselines": {"bare FastAPI": bare["per_second"]},
            "facts": busy,
        },
        {
            "what": f"{what}: p99 in ms at {BAR_READS} reads/s",
            "ours": steady["p99_ms"],
            "bar": BAR_P99_MS,
            "stretch": None,
            "baselines": {},
            "facts": steady,
        },
    ]


def _bare(served: Served, paths: list[str]) -> dict[str, Any]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = started("benchmarks.api_bare", {"dsn": served.settings.dsn, "port": port})
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                httpx.get(url + paths[0], timeout=60).raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.1)
        how = {"seconds": SECONDS, "paths": paths}
        return measured_facts(_LOAD, {"what": "busy", "api": url, "key": "", **how})
    finally:
        process.kill()
        process.wait()


def _publishing(served: Served) -> list[dict[str, Any]]:
    note("publishing ...")
    ours = served.load("publish", seconds=SECONDS)
    with Registry(served.settings.registry_config()) as registry:
        schema_id = registry.id_of(ENGAGEMENT)
    kafka = served.settings.kafka_config()
    peer = measured_facts(
        "benchmarks.api_producer", {"kafka": kafka, "schema_id": schema_id, "seconds": SECONDS}
    )
    return [
        {
            "what": "published events/s, batches of 500, 8 connections",
            "ours": round(ours["events"] / ours["seconds"]),
            "bar": BAR_EVENTS,
            "stretch": STRETCH_EVENTS,
            "baselines": {"confluent-kafka + fastavro": round(peer["events"] / peer["seconds"])},
            "facts": ours,
        }
    ]


def _listening(served: Served, ids: list[str], seconds: float) -> list[dict[str, Any]]:
    how = {"paths": [f"/api/v1/virality/{one}" for one in ids], "rate": LISTENERS_READS}
    alone = served.load("steady", seconds=SECONDS, **how)
    note(f"{LISTENERS} listeners for {seconds:.0f} s ...")
    plain = json.loads(served.settings.model_dump_json(exclude_none=True))
    changes = started("benchmarks.steady_scores", {"settings": plain, "rate": CHANGES})
    try:
        with _listeners(served) as streams:
            served.load("steady", seconds=SECONDS, **how)  # buffers and caches fill
            before = _resident_mib(served.pid)
            facts = served.load("steady", seconds=seconds, **how)
            after = _resident_mib(served.pid)
            heard, _ = streams.communicate("", timeout=60)
    finally:
        changes.kill()
        changes.wait()
    facts["listeners"] = json.loads(heard.splitlines()[-1])
    facts["resident_mib"] = {"before": before, "after": after}
    return [
        {
            "what": f"p95 in ms of {LISTENERS_READS} reads/s under {LISTENERS} listeners",
            "ours": facts["p95_ms"],
            "bar": BAR_LISTENING_MS,
            "stretch": None,
            "baselines": {"without listeners": alone["p95_ms"]},
            "facts": facts,
        },
        {
            "what": f"MiB that the API grew by in {seconds:.0f} s of that",
            "ours": round(after - before, 1),
            "bar": "flat",
            "stretch": None,
            "baselines": {},
        },
    ]


@contextmanager
def _listeners(served: Served) -> Iterator[subprocess.Popen[str]]:
    arguments = {"api": served.api, "key": served.key, "listeners": LISTENERS}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.api_listeners", json.dumps(arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "open\n":
            raise NotMeasuredError("the listeners could not connect")
        yield process
    finally:
        process.kill()
        process.wait()


def _resident_mib(pid: int) -> float:
    return round(psutil.Process(pid).memory_info().rss / 2**20, 1)


if __name__ == "__main__":
    print(json.dumps(run(long="--long" in sys.argv), indent=1))
