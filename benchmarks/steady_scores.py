"""Score rows at a steady rate, until it is ended."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks.load import FrameProducer
from benchmarks.scores import batches
from infra.settings import Settings
from schemas.catalogue import VIRALITY_SCORES

_TICK_S = 0.05


def main(settings: dict[str, Any], rate: int) -> None:
    producer = FrameProducer(
        Settings(_env_file=None, **settings), VIRALITY_SCORES, **{"linger.ms": 5}
    )
    per_tick = int(rate * _TICK_S)
    due = time.monotonic()
    for frame in batches(sys.maxsize):
        for part in frame.iter_slices(per_tick):
            producer.send(part)
            due += _TICK_S
            time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
