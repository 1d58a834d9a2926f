"""How a worker of the queue runs: until a signal, beside the rescue of lost entries."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass

from procrastinate.worker import Worker as QueueWorker

from streams.work_queue.rescue import Rescuer

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class WorkerStoppedError(Exception):
    """The queue's worker ended although nobody asked it to."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a worker shows that it lives, all in seconds.

    Attributes:
        heartbeat: between two signs of life.
        silence: without one for so long, a worker's jobs are taken from it.
        rescue: between two looks for such jobs.
        grace: for running attempts when the worker is told to stop.
        stall: without a turn of its event loop for so long, a worker kills itself.
    """

    heartbeat: float = 3.0
    silence: float = 15.0
    rescue: float = 3.0
    grace: float = 4.0
    stall: float = 60.0


async def run_both(worker: QueueWorker, rescuer: Rescuer, until_idle: bool) -> None:
    """Run a worker of the queue and the rescue of its entries until a signal.

    Raises:
        WorkerStoppedError: one of them ended by itself.
    """
    wanted = until_idle
    loop = asyncio.get_running_loop()

    def stop() -> None:
        nonlocal wanted
        wanted = True
        worker.stop()  # type: ignore[no-untyped-call]

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    rescuing = asyncio.create_task(rescuer.run(), name="rescuer")
    working = asyncio.create_task(worker.run(), name="queue worker")  # type: ignore[no-untyped-call]
    try:
        await asyncio.wait({rescuing, working}, return_when=asyncio.FIRST_COMPLETED)
        if rescuing.done():
            worker.stop()  # type: ignore[no-untyped-call]
        await working
    finally:
        working.cancel()
        rescuing.cancel()
        _, fault = await asyncio.gather(working, rescuing, return_exceptions=True)
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
    if isinstance(fault, Exception):
        raise WorkerStoppedError(f"lost workers cannot be looked for: {fault}") from fault
    if not wanted:
        raise WorkerStoppedError("the queue's worker ended by itself; its log lines say why")
