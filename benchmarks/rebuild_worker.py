"""Ours: the virality projection folded anew from the whole topic, and changed over."""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.machine import resident_mib
from infra.settings import Settings
from projections.rebuild import Surroundings, rebuild
from projections.virality import VIRALITY
from schemas.registry import Registry


def main(settings: dict[str, Any], **_: Any) -> None:
    own = Settings(_env_file=None, **settings)
    registry = Registry(own.registry_config())
    done = rebuild(VIRALITY, Surroundings(own.kafka_config(), own.dsn, registry, own.scratch))
    facts = {"events": done.events, "seconds": done.seconds, "rss_mib": round(resident_mib())}
    print(json.dumps(facts))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
