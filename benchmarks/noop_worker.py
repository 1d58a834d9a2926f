"""A worker as in production, but for its provider, until it is ended."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import structlog
import uvloop

from benchmarks.noop import Noop
from streams.artifacts import Artifacts
from streams.generation.work.worker import work


def main(dsn: str, artifacts: str, calls: str, concurrency: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    noop = Noop(Path(calls))
    uvloop.run(work(dsn, {noop.name: noop}, Artifacts(artifacts), concurrency=concurrency))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
