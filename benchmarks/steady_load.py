"""Engagement events at a steady rate, until it is ended."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from benchmarks.load import FrameProducer, events
from infra.settings import Settings
from schemas.catalogue import ENGAGEMENT

_TICK_S = 0.1


def main(settings: dict[str, Any], rate: int) -> None:
    rng = np.random.default_rng(2)
    producer = FrameProducer(Settings(_env_file=None, **settings), ENGAGEMENT, **{"linger.ms": 5})
    per_tick = int(rate * _TICK_S)
    sent, due = 0, time.monotonic()
    while True:
        now = int(time.time() * 1e6)
        producer.send(events(rng, sent, per_tick, now, 0))
        sent += per_tick
        due += _TICK_S
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
