"""The least that publishing the same batches takes: confluent-kafka and fastavro, no HTTP.

Run as a module with {"kafka", "schema_id", "seconds"} as JSON. Each batch is encoded, produced and
acknowledged before the next but `_OPEN`; nothing is checked, nothing sealed.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import sys
import time
from typing import Any

import fastavro
from confluent_kafka import Producer

from benchmarks.api_load import BATCH, batch
from schemas.catalogue import ENGAGEMENT
from schemas.publisher import producer_config
from schemas.wire import prefix

_OPEN = 8  # batches that wait for the broker, as clients of the API do
_BATCHES = 64


def main(kafka: dict[str, Any], schema_id: int, seconds: float) -> None:
    bodies = [json.dumps(batch(number)) for number in range(_BATCHES)]
    schema = fastavro.parse_schema(ENGAGEMENT.schema)
    producer = Producer(producer_config(kafka, **{"linger.ms": 2}))
    head, acknowledged = prefix(schema_id), [0]

    def delivered(error: Any, message: Any) -> None:
        acknowledged[0] += error is None

    begin, number = time.perf_counter(), 0
    while time.perf_counter() < begin + seconds:
        for event in json.loads(bodies[number % _BATCHES]):
            event["occurred_at"] = dt.datetime.fromisoformat(event["occurred_at"])
            body = io.BytesIO(head)
            body.seek(len(head))
            fastavro.schemaless_writer(body, schema, event)
            key = event["video_id"].encode()
            producer.produce(ENGAGEMENT.name, body.getvalue(), key, on_delivery=delivered)
        number += 1
        producer.poll(0)
        while number * BATCH - acknowledged[0] > _OPEN * BATCH:
            producer.poll(0.05)
    producer.flush(30)
    print(json.dumps({"events": acknowledged[0], "seconds": round(time.perf_counter() - begin, 3)}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
