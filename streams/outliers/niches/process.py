"""The process that follows detections and tells of niches.

All that it knows is in the log. Where its own topic is empty it looks at every day (UTC, log time)
that has detections, in order, and then sends what came of them; else it begins with what the topic
holds. Only what has changed is sent, and waited for before the next look: a process that was killed
goes on where it was, and repeats nothing.
"""

from __future__ import annotations

import datetime as dt
import signal
import time
from contextlib import closing
from threading import Event
from types import FrameType

import httpx
import structlog
from confluent_kafka import KafkaException

from infra.settings import Settings
from schemas.catalogue import OUTLIER_DETECTIONS, OUTLIER_NICHES
from schemas.publisher import PublishError
from schemas.registry import Registry, SchemaRegistryError
from schemas.topic import Topic
from streams.columnar.kafka.log import LogReadError
from streams.outliers.niches.clusters import clusters
from streams.outliers.niches.life import Niches
from streams.outliers.niches.log import NicheTopic, Tail
from streams.outliers.niches.window import WINDOW, Detections

_COLUMNS = (
    "event_id",
    "occurred_at",
    "video_id",
    "channel_id",
    "title",
    "multiple",
    "verdict",
    "retracts",
    "confirms",
)

MOST = 2_000  # titles compared with one another: the cosines of all pairs are held at once

_PAUSE_S = 2.0  # between two looks into the log; longer where a look takes longer
_LONGEST_WAIT_S = 10.0  # for a server that is away
_AWAY = (KafkaException, LogReadError, PublishError, SchemaRegistryError, httpx.HTTPError, OSError)

log = structlog.get_logger()


def main(settings: Settings) -> None:
    """Follow detections until SIGTERM or SIGINT."""
    stop = Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    run(settings, stop)


def run(
    settings: Settings,
    stop: Event,
    *,
    detections: Topic = OUTLIER_DETECTIONS,
    niches: Topic = OUTLIER_NICHES,
) -> None:
    """Follow detections until `stop` is set. Servers that go away are waited for."""
    wait = 1.0
    with closing(Registry(settings.registry_config())) as registry:
        while not stop.is_set():
            try:
                follower = Follower(settings.kafka_config(), registry, detections, niches)
                while not stop.is_set():
                    began = time.monotonic()
                    follower.step()
                    wait = 1.0
                    stop.wait(max(_PAUSE_S, 5 * (time.monotonic() - began)))
            except _AWAY as error:
                log.warning("niches wait", reason=" ".join(str(error).split()), seconds=wait)
                stop.wait(wait)
                wait = min(2 * wait, _LONGEST_WAIT_S)


class Follower:
    """Niches as they stand, and where the log was read to.

    Raises:
        LogReadError, SchemaRegistryError: of the constructor and of `step`: a server is away.
    """

    def __init__(
        self, kafka: dict[str, str], registry: Registry, detections: Topic, niches: Topic
    ) -> None:
        self._topic = NicheTopic(kafka, registry, niches)
        self._tail = Tail(kafka, registry, detections, _COLUMNS)
        self._detections = Detections()
        known = self._topic.known()
        self._niches = Niches(known)
        self._continues = bool(known)  # what came of earlier days is in the topic
        self._looked: dt.datetime | None = None

    def step(self) -> int:
        """Read what is new, look, and publish what has changed; how many rows those were.

        Raises:
            PublishError: the broker did not take them.
        """
        events = self._tail.read()
        if not events:
            return 0
        self._detections.take(events)
        newest = self._detections.newest()
        if newest is None:
            return 0
        for end in self._detections.days():
            passed = self._continues if self._looked is None else end <= self._looked
            if not passed or end > newest:
                self._look(min(end, newest))
        self._looked = newest
        # Those that have ended first: where the last ones are, the others are.
        sent = self._topic.publish(sorted(self._niches.changed(), key=lambda one: one.open))
        self._detections.forget(newest - WINDOW)
        if sent:
            log.info("niches changed", rows=sent)
        return sent

    def _look(self, until: dt.datetime) -> None:
        members = sorted(self._detections.members(until), key=lambda one: (one.at, one.event_id))
        if len(members) > MOST:
            log.warning("the newest outliers are compared only", of=len(members), most=MOST)
            members = members[-MOST:]
        self._niches.look(clusters(members))
