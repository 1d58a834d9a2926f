"""A virality worker of its own topics, to be started, killed and stopped by tests.

python -m tests.integration.columnar.worker SETTINGS_JSON SOURCE OUTPUT
"""

from __future__ import annotations

import sys

from infra.logs import configure
from infra.settings import Settings
from streams.columnar.app import run_worker
from streams.columnar.folding import AgentSpec
from streams.virality.fold import ViralityFold
from streams.workers import folding_worker
from tests.integration.columnar.topics import output_topic, source_topic

HORIZON = 5_000


def main(settings_json: str, source: str, output: str) -> None:
    settings = Settings.model_validate_json(settings_json)
    configure(settings, process=source)
    spec = AgentSpec(
        name=source,
        source=source_topic(source),
        output=output_topic(output),
        fold=ViralityFold(),
        horizon=HORIZON,
    )
    run_worker(folding_worker(spec, settings))


if __name__ == "__main__":
    main(*sys.argv[1:])
