"""Score rows at a steady rate, until it is ended.

Rows are made as few at a time as they are sent: making 50,000 at once takes 0.4 s, in which none
would be sent, and then those that are due as fast as can be.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks.load import FrameProducer
from benchmarks.scores import batches
from infra.settings import Settings
from schemas.catalogue import VIRALITY_SCORES

_ROWS = 1_000  # sent at once; a divisor of the number of videos


def main(settings: dict[str, Any], rate: int) -> None:
    producer = FrameProducer(
        Settings(_env_file=None, **settings), VIRALITY_SCORES, **{"linger.ms": 5}
    )
    due = time.monotonic()
    for frame in batches(sys.maxsize, size=_ROWS):
        producer.send(frame)
        due += _ROWS / rate
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
