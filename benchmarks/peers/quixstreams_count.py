"""quixstreams: a ten-second tumbling count per key, values left as bytes."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import uuid
from datetime import timedelta
from time import perf_counter
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]


def main(kafka: str, topic: str, events: int, **_: Any) -> None:
    app = Application(
        broker_address=kafka,
        consumer_group=f"quix-{uuid.uuid4().hex}",
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(prefix="quix-"),
        loglevel="ERROR",
    )
    source = app.topic(topic, value_deserializer="bytes", key_deserializer="str")
    seen, started = 0, 0.0

    def count(value: Any) -> Any:
        nonlocal seen, started
        if not seen:
            started = perf_counter()
        seen += 1
        if seen == events:
            print(json.dumps({"events": seen, "seconds": perf_counter() - started}), flush=True)
            os._exit(0)
        return value

    frame = app.dataframe(source).apply(count)
    frame.tumbling_window(timedelta(seconds=10)).count().current()
    app.run()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
