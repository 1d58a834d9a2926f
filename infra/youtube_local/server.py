"""The process that serves the local Data API."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import structlog
import uvicorn

from infra.embedded.ports import LOOPBACK
from infra.settings import NoStackError, Settings
from infra.youtube_local.accounts import DEFAULT_LIMIT, Accounts
from infra.youtube_local.app import create_app
from infra.youtube_local.world import World

STOP_SECONDS = 1  # a client that hangs on purpose is not waited for

log = structlog.get_logger()


def main(settings: Settings) -> None:
    """Serve simulated channels at YOUTUBE_API_ENDPOINT until told to stop.

    Raises:
        NoStackError: that is no port on loopback.
        SystemExit: the port is taken.
    """
    url = urlsplit(settings.youtube_api_endpoint or "")
    if url.scheme != "http" or url.hostname != LOOPBACK or url.port is None:
        raise NoStackError(
            f"YOUTUBE_API_ENDPOINT is {settings.youtube_api_endpoint or 'not set'}: the local Data "
            f"API serves at http://{LOOPBACK}:PORT only; `groundswell youtube serve` does it alone"
        )
    serve(open_world(None), url.port, settings.youtube_quota_per_day)


def open_world(data: Path | None, *, seed: int = 1) -> World:
    """The channels to serve: simulated ones, or those of a directory with recorded charts.

    Raises:
        ChartsError: the directory has not what is needed.
    """
    if data is None:
        from infra.youtube_local.simulated import SimulatedWorld

        return SimulatedWorld(seed)
    from infra.youtube_local.charts import ChartsWorld

    return ChartsWorld(data)


def serve(world: World, port: int, quota: int = DEFAULT_LIMIT) -> None:
    """Serve on loopback until told to stop.

    Raises:
        SystemExit: the port is taken.
    """
    log.info("local Data API serves", host=LOOPBACK, port=port)
    uvicorn.run(
        create_app(world, Accounts(quota)),
        host=LOOPBACK,
        port=port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=STOP_SECONDS,
    )
