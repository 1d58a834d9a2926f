"""Bare aiokafka: fetch and throw away."""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition


async def main(kafka: str, topic: str, partitions: int, events: int, **_: Any) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, enable_auto_commit=False, max_partition_fetch_bytes=8 << 20
    )
    await consumer.start()
    where = [TopicPartition(topic, number) for number in range(partitions)]
    consumer.assign(where)
    await consumer.seek_to_beginning(*where)
    started, seen = perf_counter(), 0
    while seen < events:
        records = await consumer.getmany(timeout_ms=1000, max_records=20_000)
        seen += sum(len(found) for found in records.values())
    print(json.dumps({"events": seen, "seconds": perf_counter() - started}))
    await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
