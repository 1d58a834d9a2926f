"""A rebuild as a process of its own: python -m tests.chaos.projections.rebuilder OPTIONS_JSON.

Exit code 0: changed over. 3: stopped at a record. Any other: a server went away.
"""

from __future__ import annotations

import sys
import time

from infra.logs import configure
from projections.catalogue import PROJECTIONS
from projections.errors import BuildStoppedError
from projections.projection import Projection
from projections.rebuild import Surroundings, rebuild
from schemas.catalogue import TOPICS
from schemas.registry import Registry
from tests.chaos.projections.projector import Options
from tests.integration.projections.addresses import readdressed

STOPPED = 3

_TRIES = 20
_PAUSE_S = 1.0


def main(options: Options) -> int:
    """Rebuild the projections one after the other; dead letters that are known are left out.

    A record that is none yet stops a rebuild. As a person would, it waits for the projector and
    goes on.
    """
    settings = options.settings
    configure(settings, process=options.suffix)
    registry = Registry(settings.registry_config())
    around = Surroundings(settings.kafka_config(), settings.dsn, registry, settings.scratch)
    for name in options.names:
        projection = readdressed(PROJECTIONS[name], options.suffix)
        TOPICS.update({source.topic.name: source.topic for source in projection.sources})
        if not any(_done(projection, around) for _ in range(_TRIES)):
            return STOPPED
    return 0


def _done(projection: Projection, around: Surroundings) -> bool:
    try:
        rebuild(projection, around, leave_out=True)
    except BuildStoppedError as error:
        print(error, flush=True)
        time.sleep(_PAUSE_S)
        return False
    return True


if __name__ == "__main__":
    told = sys.argv[1] if len(sys.argv) > 1 else sys.stdin.readline()
    if told:
        sys.exit(main(Options.model_validate_json(told)))
