"""The projector: one process, one thread for each projection, and one that watches for expiry."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterable
from threading import Event, Thread
from types import FrameType

import structlog

from infra.settings import Settings
from projections.catalogue import PROJECTIONS
from projections.engine import Engine
from projections.expirer import Expirer
from projections.projection import Projection
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry

_LOOK_S = 1.0  # seconds between looks at the threads

log = structlog.get_logger()


def main(settings: Settings) -> None:
    """Fold every topic into its tables until SIGTERM or SIGINT.

    Args:
        settings: with every address set (`Settings.resolved`).

    Raises:
        RuntimeError: a projection's thread has ended by itself, so the process must not look well.
    """
    gc.freeze()  # what was imported needs no looking through, for 60 ms at a time
    stop = Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    registry = Registry(settings.registry_config())
    expirer = Expirer(lambda: _publisher(settings, registry), settings.youtube_data_days)
    Thread(target=expirer.run, args=(stop,), name="expiry", daemon=True).start()
    run(settings, PROJECTIONS.values(), registry, stop)


def run(
    settings: Settings, projections: Iterable[Projection], registry: Registry, stop: Event
) -> None:
    """Run these projections until `stop` is set; they end at the next commit.

    Raises:
        RuntimeError: one has ended by itself.
    """
    threads = []
    for projection in projections:
        engine = Engine(
            projection,
            kafka=settings.kafka_config(),
            dsn=settings.dsn,
            registry=registry,
            publisher=lambda: _publisher(settings, registry),
            scratch=settings.scratch,
        )
        threads.append(Thread(target=engine.run, args=(stop,), name=projection.name, daemon=True))
    for thread in threads:
        thread.start()
    while not stop.wait(_LOOK_S):
        dead = [thread.name for thread in threads if not thread.is_alive()]
        if dead:
            stop.set()
            raise RuntimeError(f"the thread of projection {', '.join(dead)} has ended by itself")
    for thread in threads:
        thread.join()
    log.info("projector stopped")


def _publisher(settings: Settings, registry: Registry) -> Publisher:
    return Publisher(settings.kafka_config(), Codec(registry), source="groundswell.projector")
