"""Run one process of the stack: `python -m infra.run NAME`."""

from __future__ import annotations

import sys
from importlib import import_module

import structlog
from pydantic import ValidationError

from infra.logs import configure
from infra.settings import NoStackError, Settings

# Imported only when run: a process loads what it needs, and no other's mistake stops it.
ENTRY_POINTS = {
    "virality-agent": "streams.virality.agent:main",
    "outlier-agent": "streams.outliers.agent:main",
    "forecast-agent": "streams.virality.forecasts.agent:main",
    "actuals-agent": "streams.virality.actuals.agent:main",
    "dispatcher": "streams.generation.dispatch.dispatcher:main",
    "relay": "streams.relaying:main",
    "generation-worker": "streams.generation.work.worker:main",
    "analysis-worker": "streams.outliers.analyses.worker:main",
    "webhooks": "streams.generation.work.webhook_worker:main",
    "projector": "projections.run:main",
    "api": "api.server:main",
    "youtube-local": "infra.youtube_local.server:main",
    "provision": "infra.provision:main",
}

log = structlog.get_logger()


def main(arguments: list[str]) -> int:
    """Run the named process until it ends; returns the exit code.

    0: it ended by itself or was interrupted; 1: it cannot run or crashed; 2: no such name.
    """
    if len(arguments) != 1 or arguments[0] not in ENTRY_POINTS:
        names = ", ".join(ENTRY_POINTS)
        print(f"usage: python -m infra.run NAME, where NAME is one of {names}", file=sys.stderr)  # noqa: T201
        return 2
    name = arguments[0]
    try:
        settings = Settings()
        configure(settings, process=name)
        settings = settings.resolved()
    except (NoStackError, ValidationError) as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return _run(name, settings)


def _run(name: str, settings: Settings) -> int:
    module, _, function = ENTRY_POINTS[name].partition(":")
    try:
        getattr(import_module(module), function)(settings)
    except KeyboardInterrupt:
        return 0
    except NoStackError as error:
        log.error("cannot run", reason=str(error))
        return 1
    except Exception:
        log.exception("crashed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
