"""The analyses' process: takes turns from the queue and makes them. `main(settings)` is it."""

from __future__ import annotations

import os
import secrets
import socket

import uvloop
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.worker import Worker as QueueWorker

from infra.settings import Settings
from streams.decisions.connections import connections
from streams.outliers.analyses.queue import QUEUE, TASK
from streams.outliers.analyses.schema import prepare
from streams.outliers.analyses.turns import Turns
from streams.outliers.youtube.client import YouTubeClient
from streams.outliers.youtube.source import Source
from streams.work_queue.rescue import Rescuer
from streams.work_queue.running import Pulse, run_both

_RETRY = 5  # seconds until a turn whose story could not be written is made again


def main(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    prepare(settings.dsn)
    uvloop.run(_main(settings))


async def _main(settings: Settings) -> None:
    async with YouTubeClient.from_settings(settings) as source:
        await work(settings.dsn, source, concurrency=settings.analysis_concurrency)


async def work(
    dsn: str,
    source: Source,
    *,
    concurrency: int = 4,
    pulse: Pulse | None = None,
    until_idle: bool = False,
) -> None:
    """Make turns until a signal, or with `until_idle` until nothing that is due waits.

    Args:
        concurrency: runs that are looked after at once.

    Raises:
        WorkerStoppedError: the connection to PostgreSQL was lost, for instance.
    """
    pulse = pulse or Pulse()
    pool = connections(dsn, most=3 + 2 * concurrency)
    app = _queue_app(Turns(pool, source))
    async with pool, app.open_async(pool):
        worker = QueueWorker(
            app,
            queues=[QUEUE],
            name=f"analyses-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
            concurrency=concurrency,
            wait=not until_idle,
            fetch_job_polling_interval=1.0,  # for turns that become due; new ones notify
            abort_job_polling_interval=1.0,
            shutdown_graceful_timeout=pulse.grace,
            update_heartbeat_interval=pulse.heartbeat,
            stalled_worker_timeout=pulse.silence,
            delete_jobs="always",  # the story tells all
            install_signal_handlers=False,  # ours can tell a wish to stop from a fault
        )
        rescuer = Rescuer(pool, worker, silence=pulse.silence, every=pulse.rescue)
        await run_both(worker, rescuer, until_idle)


def _queue_app(turns: Turns) -> App:
    app = App(connector=PsycopgConnector())

    # An exception that gets out means that the story could not be written, or that this worker
    # ends: the entry comes back, and the run goes on from what is recorded.
    @app.task(name=TASK, retry=RetryStrategy(wait=_RETRY))
    async def analysis(analysis_id: str, turn: int) -> None:
        await turns.make(analysis_id, turn)

    return app
