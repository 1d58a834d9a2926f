"""A virality worker with a fault: it refuses events that were watched for some round time.

python -m tests.integration.tools.refusing_worker MILLISECONDS OPTIONS_JSON
"""

from __future__ import annotations

import sys
from dataclasses import replace

import polars as pl

from schemas.rules import Rule
from schemas.topic import Topic
from tests.chaos import worker


def main(milliseconds: str, options_json: str) -> None:
    odd = pl.col("watch_ms") % int(milliseconds) == 0
    fault = Rule(("watch_ms",), odd, "nobody watches that long")
    plain = vars(worker)["source_topic"]

    def refusing(name: str, partitions: int) -> Topic:
        topic: Topic = plain(name, partitions)
        return replace(topic, rules=(*topic.rules, fault))

    vars(worker)["source_topic"] = refusing
    worker.main(worker.Options.model_validate_json(options_json))


if __name__ == "__main__":
    main(*sys.argv[1:])
