"""The topic of watched channels: what it says, and what is written into it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import structlog

from infra.settings import Settings
from schemas.catalogue import WATCHED_CHANNELS
from schemas.chunks import Chunk
from schemas.codec import Codec
from schemas.errors import SchemaError
from schemas.publisher import new_event_id
from schemas.registry import Registry
from schemas.topic import Topic
from streams.follower import BehindError, TopicFollower
from streams.outliers.watching.observed import text
from streams.outliers.youtube.names import CHANNEL_ID

_READ_S = 30.0

log = structlog.get_logger()


class Wanted(NamedTuple):
    """A channel that is watched.

    Attributes:
        at: when it was asked for.
    """

    channel_id: str
    title: str
    at: dt.datetime
    requested_by: str


class WatchedLog:
    """What the topic says so far; safe between threads.

    A [`TopicFollower`][streams.follower] hands it the topic's one partition, and after a fault
    from the beginning again: what was read once is passed over.

    Args:
        changed: called, from the follower's thread, after something was read.
    """

    def __init__(
        self, codec: Codec, topic: Topic = WATCHED_CHANNELS, changed: Callable[[], object] = bool
    ) -> None:
        self._codec = codec
        self._topic = topic
        self._changed = changed
        self._next = 0
        self._channels: dict[str, Wanted] = {}
        self._lock = threading.Lock()

    def channels(self) -> dict[str, Wanted]:
        """The watched channels by id."""
        with self._lock:
            return dict(self._channels)

    def take(self, chunk: Chunk) -> None:
        """Read records of the topic.

        Raises:
            SchemaRegistryError: schemas cannot be asked for; the chunk can be taken again.
        """
        records = zip(chunk.offsets, chunk.keys, chunk.values, chunk.headers, strict=True)
        for offset, key, value, headers in records:
            if offset < self._next:
                continue
            if value is None:
                self._set((key or b"").decode(errors="replace"), None)
            else:
                self._read(offset, value, headers)
            self._next = offset + 1
        self._changed()

    def _read(self, offset: int, value: bytes, headers: Any) -> None:
        try:
            event = self._codec.decode(self._topic, value, headers)
        except (SchemaError, ValueError, OverflowError) as error:
            # Whoever wrote it: one bad record must not end the watching of all others.
            log.error("watched channel unreadable", offset=offset, error=str(error))
            return
        channel_id = event["channel_id"]
        if not CHANNEL_ID.fullmatch(channel_id):
            # It would be refused by the API, and the batch that it is in with it.
            log.error("watched channel has no channel's id", offset=offset, id=channel_id[:100])
            return
        title, who = text(event["title"] or "") or channel_id, text(event["requested_by"])
        wanted = Wanted(channel_id, title, event["occurred_at"], who)
        self._set(channel_id, wanted if event["watched"] else None)

    def _set(self, channel_id: str, wanted: Wanted | None) -> None:
        with self._lock:
            if wanted is None:
                self._channels.pop(channel_id, None)
            else:
                self._channels[channel_id] = wanted


def watched_channel(
    channel_id: str, title: str | None, *, watched: bool, requested_by: str
) -> dict[str, Any]:
    """The event that a channel is to be watched, or no more."""
    return {
        "event_id": new_event_id(),
        "occurred_at": dt.datetime.now(dt.UTC),
        "channel_id": channel_id,
        "title": None if title is None else text(title),
        "watched": watched,
        "requested_by": requested_by,
    }


def read_watched(settings: Settings, registry: Registry) -> Mapping[str, Wanted]:
    """The channels that are watched now: the topic, read to its end.

    Raises:
        BehindError: it could not be read.
    """
    found = WatchedLog(Codec(registry))
    with TopicFollower(settings.kafka_config(), {WATCHED_CHANNELS: found.take}) as follower:
        if not follower.read_once(_READ_S):
            raise BehindError(
                f"{WATCHED_CHANNELS.name} could not be read within {_READ_S:g} s: is Kafka up?"
            )
    return found.channels()
