"""Faust as it comes: an agent that takes raw bytes and does nothing with them."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import uuid
from time import perf_counter
from typing import Any

import faust


def main(kafka: str, topic: str, events: int, **_: Any) -> None:
    app = faust.App(
        f"stock-{uuid.uuid4().hex}",
        broker=f"aiokafka://{kafka}",
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="stock-faust-"),
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        topic_disable_leader=True,
        web_enabled=False,
    )
    raw = app.topic(
        topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    @app.agent(raw)  # type: ignore[untyped-decorator]
    async def nothing(stream: Any) -> None:
        started, seen = 0.0, 0
        async for _value in stream:
            if not seen:
                started = perf_counter()
            seen += 1
            if seen == events:
                print(json.dumps({"events": seen, "seconds": perf_counter() - started}), flush=True)
                os._exit(0)

    app.conf.web_enabled = False
    faust.Worker(
        app, loglevel="ERROR", quiet=True, redirect_stdouts=False
    ).execute_from_commandline()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
