"""The clock of expiry: once a day it is said what may no longer be kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from threading import Event

import structlog
from confluent_kafka import KafkaException

from schemas.catalogue import EXPIRIES
from schemas.expiries import data_expired, last_expired
from schemas.publisher import Publisher, PublishError
from schemas.registry import SchemaRegistryError

LOOK_S = 60.0  # seconds between looks at the clock

_AWAY = (KafkaException, SchemaRegistryError, PublishError, OSError)

log = structlog.get_logger()


class Expirer:
    """Publishes a DataExpired when its process starts, and whenever a day is over.

    Several processes may do so: the same instant is the same event, and changes nothing twice.

    Args:
        publisher: makes the publisher; called when there is something to say.
        days: after which what was got from YouTube's API is to be gone; 0 is never.
    """

    def __init__(self, publisher: Callable[[], Publisher], days: int) -> None:
        self._make = publisher
        self._publisher: Publisher | None = None
        self._days = days
        self._said: dt.datetime | None = None

    def run(self, stop: Event) -> None:
        """Go on until `stop` is set; servers that are away are asked again."""
        while self._days and not stop.is_set():
            try:
                self.look(dt.datetime.now(dt.UTC))
            except _AWAY as error:
                log.warning("expiry waits", reason=" ".join(str(error).split())[:500])
            except Exception:
                log.exception("expiry waits")
            stop.wait(LOOK_S)

    def look(self, now: dt.datetime) -> None:
        """Say what has expired by now, unless it was said.

        Raises:
            PublishError: the broker does not acknowledge it.
        """
        before = last_expired(now, self._days)
        if before == self._said:
            return
        if self._publisher is None:
            self._publisher = self._make()
        self._publisher.publish(EXPIRIES, data_expired(before))
        self._publisher.flush()
        self._said = before
        log.info("expired", before=before.isoformat())
