"""confluent-kafka: consume and throw away."""

from __future__ import annotations

import json
import sys
from time import perf_counter
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition


def main(
    kafka: str, topic: str, events: int, options: dict[str, Any] | None = None, **_: Any
) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "bench",
            "enable.auto.commit": False,
            **(options or {}),
        }
    )
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    started, seen = perf_counter(), 0
    while seen < events:
        seen += len(consumer.consume(10_000, timeout=0.1))
    print(json.dumps({"events": seen, "seconds": perf_counter() - started}))
    consumer.close()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
