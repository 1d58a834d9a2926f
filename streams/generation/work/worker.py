"""The worker's process: takes attempts from the queue and makes them."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

import structlog
import uvloop
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy
from procrastinate.job_context import AbortReason
from procrastinate.worker import Worker as QueueWorker

from infra.settings import Settings
from streams.artifacts import Artifacts
from streams.decisions.connections import connections
from streams.generation.jobs.queue import QUEUES, TASK
from streams.generation.providers.callbacks import callback_url
from streams.generation.providers.catalogue import configured
from streams.generation.providers.provider import Provider
from streams.generation.providers.waking import Wakes
from streams.generation.routing.preferred import Router
from streams.generation.routing.wiring import routed
from streams.generation.schema import prepare
from streams.generation.work.attempt import Attempts, Inspect
from streams.generation.work.playable import playable
from streams.generation.work.retention import Sweeper, sweeping
from streams.generation.work.supervision import Limits
from streams.generation.work.turns import Turns
from streams.generation.work.watchdog import Watchdog
from streams.generation.work.workspace import workspace
from streams.work_queue.rescue import Rescuer
from streams.work_queue.running import Pulse, run_both

_RETRY = 5  # seconds until an attempt whose story could not be written is looked at again

log = structlog.get_logger()


def main(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    prepare(settings.dsn)
    assert settings.artifacts_url is not None, "resolved settings have every address"
    artifacts = Artifacts(settings.artifacts_url)
    with workspace(settings.scratch / "attempts") as scratch:
        uvloop.run(_main(settings, artifacts, scratch))


async def _main(settings: Settings, artifacts: Artifacts, scratch: Path) -> None:
    providers = configured(
        settings,
        wakes=Wakes(settings.dsn),
        callback=lambda name: callback_url(settings, name),
    )
    sweeper = Sweeper(settings.dsn, artifacts, keep_days=settings.artifact_retention_days)
    async with routed(settings, providers) as router:
        working = work(
            settings.dsn,
            providers,
            artifacts,
            concurrency=settings.generation_concurrency,
            router=router,
            pulse=Pulse(stall=settings.watchdog_seconds),
            limits=Limits(settings.attempt_soft_seconds, settings.attempt_hard_seconds),
            inspect=playable,
            scratch=scratch,
        )
        await sweeping(sweeper, working)


async def work(
    dsn: str,
    providers: Mapping[str, Provider],
    artifacts: Artifacts,
    *,
    concurrency: int = 1,
    router: Router | None = None,
    pulse: Pulse | None = None,
    limits: Limits | None = None,
    inspect: Inspect | None = None,
    scratch: Path | None = None,
    until_idle: bool = False,
) -> None:
    """Make attempts until a signal, or with `until_idle` until nothing that is due waits.

    Args: see [`Attempts`][streams.generation.work.attempt.Attempts].

    Raises:
        WorkerStoppedError: the connection to PostgreSQL was lost, for instance.
    """
    pulse = pulse or Pulse()
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    watchdog = Watchdog(pulse.stall)
    async with connections(dsn, most=3 + 2 * concurrency) as pool, watchdog.watching():
        attempts = Attempts(
            pool,
            providers,
            artifacts,
            worker=name,
            watchdog=watchdog,
            router=router,
            limits=limits,
            inspect=inspect,
            scratch=scratch,
        )
        async with _queue_app(attempts, Turns(pool)).open_async(pool) as app:
            worker = QueueWorker(
                app,
                queues=list(QUEUES),  # a tuple would reach PostgreSQL as a row
                name=name,
                concurrency=concurrency,
                wait=not until_idle,
                fetch_job_polling_interval=1.0,  # for entries that become due; new ones notify
                abort_job_polling_interval=1.0,
                shutdown_graceful_timeout=pulse.grace,
                update_heartbeat_interval=pulse.heartbeat,
                stalled_worker_timeout=pulse.silence,
                install_signal_handlers=False,  # ours can tell a wish to stop from a fault
            )
            rescuer = Rescuer(pool, worker, silence=pulse.silence, every=pulse.rescue)
            await run_both(worker, rescuer, until_idle)


def _queue_app(attempts: Attempts, turns: Turns) -> App:
    app = App(connector=PsycopgConnector())

    # An exception that gets out means that the story could not be written: the entry comes back,
    # and the attempt is then found to be lost.
    @app.task(name=TASK, retry=RetryStrategy(wait=_RETRY), pass_context=True)
    async def attempt(context: JobContext, job_id: str, attempt: int) -> None:
        def handing_on() -> bool:
            return context.abort_reason() is AbortReason.SHUTDOWN

        await turns.taken()
        await attempts.make(job_id, attempt, handing_on)

    return app
