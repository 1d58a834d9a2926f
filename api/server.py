"""The process that serves the API."""

from __future__ import annotations

import asyncio
import gc
import math
import socket
from contextlib import suppress
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from api.app import create_app
from api.around.draining import Drain
from infra.logs import configure
from infra.settings import Settings

LONGEST_MESSAGE = 64 * 1024  # bytes that a WebSocket may send us; ours only listen

log = structlog.get_logger()


class DrainingServer(uvicorn.Server):
    """Stops in steps: it says that it is not ready, while it still answers; then it takes nothing
    new, lets its listeners go, and ends what is open. A second signal ends the first step.

    Args:
        notice_seconds: length of the first step.
    """

    def __init__(self, config: uvicorn.Config, drain: Drain, notice_seconds: float) -> None:
        super().__init__(config)
        self._drain = drain
        self._notice_seconds = notice_seconds
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Hear a signal that asks to stop."""
        if self._drain.begun or not self._notice_seconds or self._loop is None:
            self._drain.begin()
            super().handle_exit(sig, frame)
            return
        self._drain.begin()
        log.info("api stops", answers_for_s=self._notice_seconds)
        loop, stop = self._loop, super().handle_exit
        loop.call_soon_threadsafe(loop.call_later, self._notice_seconds, stop, sig, None)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing new, and end what is open."""
        self._drain.begin()
        self._drain.release()
        await super().shutdown(sockets)


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
    app = None if several else _made(settings)
    config = uvicorn.Config(
        # More processes read the settings again, each for itself: from the same environment.
        app or "api.server:application",
        factory=several,
        workers=settings.api_workers,
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        ws_max_size=LONGEST_MESSAGE,
        log_config=None,  # the process's own logging stays as it is
        access_log=False,  # the histogram of requests says more for less
        server_header=False,
        proxy_headers=False,  # the application knows whom it trusts
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )
    if app is None:
        # Each ends what is open when it is told to stop; none can say beforehand that all will.
        Multiprocess(config, [config.bind_socket()]).run()
        return
    server = DrainingServer(config, app.state.drain, settings.drain_notice_seconds)
    with suppress(KeyboardInterrupt):  # the signal, raised once more when all is done
        server.run()


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
