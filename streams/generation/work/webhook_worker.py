"""The process that delivers webhooks, those of jobs and those of predictions.

Beside the workers that render, so that a receiver that is slow holds up no video.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor

import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job as Entry
from procrastinate.worker import Worker as QueueWorker
from psycopg_pool import AsyncConnectionPool

from infra.settings import NoStackError, Settings
from schemas.codec import Codec
from schemas.publisher import Publisher, PublishError
from schemas.registry import Registry
from streams.generation.schema import prepare
from streams.webhooks.delivery import QUEUE, TASK, Delivery
from streams.webhooks.given_up import give_up
from streams.webhooks.sending import TIMEOUT, Sender, UndeliveredError
from streams.webhooks.signing import SecretError, key_of
from streams.work_queue.rescue import Rescuer
from streams.work_queue.running import Pulse, run_both

CONCURRENCY = 32  # deliveries at once: they wait for others, and one receiver may take its 30 s
WAITS = (5.0, 300.0)  # seconds before the second and the third try
JITTER = 0.2  # of a wait: deliveries that failed together come back apart

_FAULT_WAIT = 10.0  # seconds until a delivery is looked at again that could not be given up

log = structlog.get_logger()


class LaterError(Exception):
    """A try failed and another one is left.

    Attributes:
        seconds: until then.
    """

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


def main(settings: Settings) -> None:
    """Deliver until SIGTERM or SIGINT.

    Raises:
        NoStackError: there is no secret to sign with.
    """
    try:
        keys = tuple(key_of(secret) for secret in settings.webhook_secrets)
    except SecretError as error:
        raise NoStackError(f"WEBHOOK_SECRET: {error}") from None
    prepare(settings.dsn)
    codec = Codec(Registry(settings.registry_config()))
    publisher = Publisher(settings.kafka_config(), codec, source="groundswell/webhooks")
    asyncio.run(run(settings.dsn, keys, publisher, private=settings.webhook_private_addresses))


async def run(
    dsn: str,
    keys: tuple[bytes, ...],
    publisher: Publisher,
    *,
    private: bool,
    waits: tuple[float, ...] = WAITS,
    limit: float = TIMEOUT,
    pulse: Pulse | None = None,
    until_idle: bool = False,
) -> None:
    """Deliver until a signal, or with `until_idle` until nothing that is due waits.

    Args:
        publisher: of what is given up.
        waits: seconds before the second try and those after it.
        limit: seconds of one try.

    Raises:
        WorkerStoppedError: the connection to PostgreSQL was lost, for instance.
    """
    pulse = pulse or Pulse()
    # Names are looked up in threads, and a lookup that hangs keeps its own: with as many as there
    # are deliveries, one receiver's nameserver keeps no other waiting.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * CONCURRENCY))
    sender = Sender(keys, private=private, timeout=limit)
    pool = AsyncConnectionPool(dsn, min_size=1, max_size=2, open=False)
    app = App(connector=PsycopgConnector(conninfo=dsn, min_size=1, max_size=4))
    _add_task(app, Courier(sender, publisher, waits))
    async with pool, sender, app.open_async():
        worker = QueueWorker(
            app,
            queues=[QUEUE],
            name=f"webhooks-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
            concurrency=CONCURRENCY,
            wait=not until_idle,
            fetch_job_polling_interval=1.0,  # for tries that become due; new ones notify
            shutdown_graceful_timeout=pulse.grace,
            update_heartbeat_interval=pulse.heartbeat,
            stalled_worker_timeout=pulse.silence,
            delete_jobs="always",  # what was given up is in the log
            install_signal_handlers=False,  # ours can tell a wish to stop from a fault
        )
        rescuer = Rescuer(pool, worker, silence=pulse.silence, every=pulse.rescue)
        await run_both(worker, rescuer, until_idle)


class Courier:
    """Makes tries, and gives up after the last.

    Args:
        waits: seconds before the second try and those after it.
    """

    def __init__(self, sender: Sender, publisher: Publisher, waits: tuple[float, ...]) -> None:
        self._sender = sender
        self._publisher = publisher
        self._waits = waits
        # Of entries that are lost, tries and the last error, while nobody could be told so.
        self._lost: dict[int, tuple[int, str]] = {}

    async def deliver(self, entry: int, wanted: Delivery, tried: int) -> None:
        """Make the try after `tried` others.

        Args:
            entry: of the queue.

        Raises:
            LaterError: it failed, and another is left.
            PublishError: it was the last, and nobody could be told: call again.
        """
        facts = {"webhook_id": wanted.webhook_id, "kind": wanted.kind, "try_number": tried + 1}
        if entry not in self._lost:
            try:
                status = await self._sender.send(wanted)
            except UndeliveredError as error:
                log.warning("webhook not delivered", reason=str(error), **facts)
                if not error.final and tried < len(self._waits):
                    wait = self._waits[tried] * random.uniform(1 - JITTER, 1 + JITTER)
                    raise LaterError(str(error), wait) from None
                self._lost[entry] = tried + 1, str(error)
            else:
                log.info("webhook delivered", status=status, **facts)
                return
        try:
            await asyncio.to_thread(give_up, self._publisher, wanted, *self._lost[entry])
        except PublishError as error:
            # The queue's own line about it would have the receiver's address and the body.
            log.error("webhook not given up yet", reason=str(error), **facts)
            raise
        del self._lost[entry]
        log.error("webhook given up", **facts)


class _Again(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Entry) -> RetryDecision:
        seconds = exception.seconds if isinstance(exception, LaterError) else _FAULT_WAIT
        at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        return RetryDecision(retry_at=at)


def _add_task(app: App, courier: Courier) -> None:
    # An exception that is not LaterError means that what was given up could not be published.
    @app.task(name=TASK, retry=_Again(), pass_context=True)
    async def deliver(context: JobContext, /, **facts: str) -> None:
        assert context.job is not None
        assert context.job.id is not None
        await courier.deliver(context.job.id, Delivery(**facts), context.job.attempts)
