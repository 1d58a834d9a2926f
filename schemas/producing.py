"""For producers in Python: events in, positions out.

    with producing(kafka, registry, source="/shop/player") as out:
        sent = out.send("video.uploads.v1", [{...}, {...}])

Events are as in JSON: `event_id` and `occurred_at` are filled in where absent, times are RFC 3339
or datetimes. docs/producers.md has the whole of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, Message

from schemas.catalogue import topic_named
from schemas.codec import Codec
from schemas.errors import InvalidEventError
from schemas.json_events import from_json
from schemas.personal.keys import PersonKeys
from schemas.personal.sealer import Sealer
from schemas.publisher import Position, Publisher, PublishError, new_event_id
from schemas.registry import Registry

ACK_SECONDS = 30.0


@dataclass(slots=True)
class Sent:
    """What became of some events, by their index.

    Attributes:
        positions: where each accepted one stands in the log.
        rejected: what is wrong with the others.
    """

    positions: dict[int, Position] = field(default_factory=dict)
    rejected: dict[int, InvalidEventError] = field(default_factory=dict)


class Producing:
    """Sends events and waits for the broker. One per process is enough."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def send(self, topic: str, events: Sequence[Mapping[str, Any]]) -> Sent:
        """Publish what fits; it returns when the broker has acknowledged all of that.

        Raises:
            UnknownTopicError: no topic is called that.
            PublishError: the broker did not acknowledge everything. Send again, with the same
                `event_id`s: what had come through is counted once.
            PersonalDataError, psycopg.OperationalError: there are no keys to seal with.
        """
        target, sent, refused = topic_named(topic), Sent(), list[str]()
        read: dict[int, dict[str, Any]] = {}
        now = dt.datetime.now(dt.UTC)
        for index, event in enumerate(events):
            try:
                whole = {"event_id": new_event_id(), "occurred_at": now, **event}
                read[index] = from_json(target, whole)
            except InvalidEventError as error:
                sent.rejected[index] = error

        def answered(index: int, error: KafkaError | None, message: Message | None) -> None:
            if error is None and message is not None:
                partition, offset = message.partition() or 0, message.offset() or 0
                sent.positions[index] = Position(target.name, partition, offset)
            else:
                refused.append(str(error))

        checked = zip(read.items(), self._publisher.check(target, list(read.values())), strict=True)
        fit = []
        for (index, event), value in checked:
            if isinstance(value, InvalidEventError):
                sent.rejected[index] = value
            else:
                fit.append((event, value, partial(answered, index)))
        self._publisher.publish_checked(target, fit)
        self._publisher.flush(ACK_SECONDS)
        if refused:
            raise PublishError(f"{len(refused)} events were refused, the first: {refused[0]}")
        return sent


@contextmanager
def producing(
    kafka: dict[str, str],
    registry: dict[str, str],
    *,
    source: str,
    dsn: str | None = None,
    secrets: Sequence[str] = (),
) -> Iterator[Producing]:
    """A producer with all it needs, which closes it.

    Args:
        kafka: librdkafka's settings: `bootstrap.servers`, and those of SASL and TLS.
        registry: of the schema registry: `url`, and `basic.auth.user.info`.
        source: `ce_source`: who publishes.
        dsn: PostgreSQL, where the keys of persons are; without it and `secrets` topics with
            personal fields are refused.
        secrets: PERSONAL_DATA_SECRET, and the one before it if it was replaced.
    """
    with ExitStack() as open_:
        codec = Codec(open_.enter_context(Registry(registry)))
        sealer = None
        if dsn is not None:
            sealer = Sealer(open_.enter_context(PersonKeys(dsn, secrets)))
        yield Producing(Publisher(kafka, codec, source=source, sealer=sealer))
