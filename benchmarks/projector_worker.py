"""Ours: the virality projection alone, until its tables hold the whole topic."""

from __future__ import annotations

import json
import sys
from threading import Event, Thread
from time import perf_counter, sleep
from typing import Any

from benchmarks.machine import resident_mib
from infra.settings import Settings
from projections.engine import Engine
from projections.store import Store
from projections.virality import VIRALITY
from schemas.catalogue import VIRALITY_SCORES
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry

_LOOK_S = 0.02


def main(settings: dict[str, Any], rows: int, **_: Any) -> None:
    own = Settings(_env_file=None, **settings)
    registry = Registry(own.registry_config())
    engine = Engine(
        VIRALITY,
        kafka=own.kafka_config(),
        dsn=own.dsn,
        registry=registry,
        publisher=lambda: Publisher(own.kafka_config(), Codec(registry), source="benchmark"),
        scratch=own.scratch,
    )
    stop = Event()
    thread = Thread(target=engine.run, args=(stop,))
    watch = Store(own.dsn, VIRALITY)
    watch.open()

    def applied() -> int:
        topic = VIRALITY_SCORES
        return sum(watch.position(topic.name, number) for number in range(topic.partitions))

    thread.start()
    while (before := applied()) == 0:  # joining the group is not what is measured
        sleep(_LOOK_S)
    started = perf_counter()
    while (now := applied()) < rows:
        sleep(_LOOK_S)
    seconds = perf_counter() - started
    stop.set()
    thread.join()
    facts = {"events": now - before, "seconds": seconds, "rss_mib": round(resident_mib())}
    print(json.dumps(facts))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
