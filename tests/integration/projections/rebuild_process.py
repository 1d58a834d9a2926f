"""A rebuild as a process of its own, on a test's topics: SUFFIX PROJECTION SCRATCH."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from infra.settings import Settings
from projections.catalogue import PROJECTIONS
from projections.rebuild import Surroundings, rebuild
from schemas.catalogue import TOPICS
from schemas.registry import Registry
from tests.integration.projections.addresses import readdressed

if __name__ == "__main__":
    suffix, name, scratch = sys.argv[1:]
    settings = Settings(_env_file=None)
    projection = readdressed(PROJECTIONS[name], suffix)
    TOPICS.update({source.topic.name: source.topic for source in projection.sources})
    registry = Registry(settings.registry_config())
    rebuild(
        projection, Surroundings(settings.kafka_config(), settings.dsn, registry, Path(scratch))
    )
