"""The process that serves the API."""

from __future__ import annotations

import structlog
import uvicorn

from api.app import create_app
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
    app = create_app(settings)
    log.info("api serves", host=settings.api_host, port=settings.api_port)
    uvicorn.run(
        app,
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
