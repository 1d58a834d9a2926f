"""What readers feel of a rebuild that changes over: 200 requests a second to the API meanwhile."""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple, Self

import httpx
import numpy as np

from benchmarks.machine import machine
from benchmarks.measured import measured_facts
from benchmarks.scores import VIDEOS, publish
from infra.processes import PROCESSES
from infra.provision import provision
from infra.settings import Settings
from infra.supervisor import Supervisor

ROWS = 400_000
RATE = 200  # requests/s
REBUILDS = 5
_BEFORE_S = 20.0
_AROUND_S = 1.0  # before and after the end of a rebuild, which is its change-over
_SERVING = ("projector", "api")
_PATIENCE_S = 120.0


class Answer(NamedTuple):
    """What became of one request."""

    asked: float  # monotonic
    seconds: float
    good: bool


def run(rows: int = ROWS, rate: int = RATE, rebuilds: int = REBUILDS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench swap --json` prints.

    `ours` is the 99th percentile of what answers took within a second of a change-over; the peer
    is the same before any rebuild. `errors` counts answers of the whole run that were not the
    video asked for.
    """
    processes = [spec for spec in PROCESSES if spec.name in _SERVING]
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as directory:
        settings = Settings(_env_file=None, groundswell_home=Path(directory))
        with Supervisor(settings, processes=processes, provision=provision) as supervisor:
            late = supervisor.await_running(60)
            if late:
                raise RuntimeError(f"not running: {', '.join(late)}")
            own = supervisor.settings
            publish(own, rows)
            _await_rows(supervisor.api, own)
            arguments = {"settings": json.loads(own.model_dump_json(exclude_none=True))}
            changes = []
            with _Readers(supervisor.api, own, rate) as readers:
                time.sleep(_BEFORE_S)
                begun = time.monotonic()
                for _ in range(rebuilds):
                    measured_facts("benchmarks.rebuild_worker", arguments)
                    changes.append(time.monotonic())
                    time.sleep(2 * _AROUND_S)
            answers = readers.answers
    quiet = [one for one in answers if one.asked < begun]
    around = [
        one for one in answers if any(abs(one.asked - change) < _AROUND_S for change in changes)
    ]
    before, during = _p99(quiet), _p99(around)
    return {
        "name": "swap",
        "ours": during,
        "unit": "s (p99)",
        "peers": {"before": before},
        "ratios": {"before": round(during / before, 2)},
        "whole_rebuild": _p99([one for one in answers if one.asked >= begun]),
        "errors": sum(not one.good for one in answers),
        "answers": len(answers),
        "requests_per_second": rate,
        "machine": machine(),
    }


def _p99(answers: list[Answer]) -> float:
    return round(float(np.quantile([one.seconds for one in answers], 0.99)), 4)


def _headers(settings: Settings) -> dict[str, str]:
    return {"X-API-Key": settings.api_key.get_secret_value() if settings.api_key else ""}


def _await_rows(api: str, settings: Settings) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    with httpx.Client(base_url=api, headers=_headers(settings)) as client:
        while client.get("/api/v1/virality/top?limit=1").json().get("total") != VIDEOS:
            if time.monotonic() > deadline:
                raise RuntimeError("the projector does not catch up")
            time.sleep(0.5)


class _Readers:
    """Asks for one video after the other at a steady rate.

    Attributes:
        answers: of every request that was made, once the block is left.
    """

    def __init__(self, api: str, settings: Settings, rate: int) -> None:
        self.answers: list[Answer] = []
        self._client = httpx.Client(base_url=api, headers=_headers(settings), timeout=10)
        self._pause = 1 / rate
        self._stop = Event()
        self._thread = Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _ask(self) -> None:
        rng = np.random.default_rng(4)
        due = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            while not self._stop.is_set():
                pool.submit(self._one, f"video{rng.integers(VIDEOS):07d}")
                due += self._pause
                time.sleep(max(0.0, due - time.monotonic()))

    def _one(self, video: str) -> None:
        asked = time.monotonic()
        try:
            answer = self._client.get(f"/api/v1/virality/{video}")
            good = answer.status_code == 200 and answer.json()["video_id"] == video
        except (httpx.HTTPError, ValueError):
            good = False
        self.answers.append(Answer(asked, time.monotonic() - asked, good))
