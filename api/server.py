"""The process that serves the API."""

from __future__ import annotations

import gc

import structlog
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from infra.logs import configure
from infra.settings import Settings

# Streams of live updates are open for as long as somebody looks: a stop does not wait for them.
STOP_SECONDS = 3
LONGEST_MESSAGE = 64 * 1024  # bytes that a WebSocket may send us; ours only listen

log = structlog.get_logger()


def main(settings: Settings) -> None:
    """Serve until told to stop.

    Raises:
        NoApiKeyError: the settings have no key.
        SystemExit: the port is taken.
    """
    log.info(
        "api serves",
        host=settings.api_host,
        port=settings.api_port,
        workers=settings.api_workers,
    )
    several = settings.api_workers > 1
    uvicorn.run(
        # More processes read the settings again, each for itself: from the same environment.
        "api.server:application" if several else _made(settings),
        factory=several,
        workers=settings.api_workers if several else None,
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        ws_max_size=LONGEST_MESSAGE,
        log_config=None,  # the process's own logging stays as it is
        access_log=False,  # the histogram of requests says more for less
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def application() -> FastAPI:
    """The application of one of several processes."""
    settings = Settings()
    configure(settings, process="api")
    return _made(settings.resolved())


def _made(settings: Settings) -> FastAPI:
    app = create_app(settings)
    gc.collect()
    gc.freeze()  # what was imported needs no looking through, for 60 ms at a time
    return app
