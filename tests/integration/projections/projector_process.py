"""The projector as a process of its own, on a test's topics: SUFFIX PROJECTION."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from threading import Event

sys.path.insert(0, str(Path(__file__).parents[3]))

from infra.settings import Settings
from projections.catalogue import PROJECTIONS
from projections.run import run
from schemas.catalogue import TOPICS
from schemas.registry import Registry
from tests.integration.projections.addresses import readdressed

if __name__ == "__main__":
    suffix, name = sys.argv[1:]
    settings = Settings(_env_file=None)
    projection = readdressed(PROJECTIONS[name], suffix)
    TOPICS.update({source.topic.name: source.topic for source in projection.sources})
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run(settings, [projection], Registry(settings.registry_config()), stop)
