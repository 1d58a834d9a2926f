"""An event's way into the log: sealed where personal, validated, keyed, acknowledged.

Every event from outside comes through here, whichever door it came to: nothing personal gets past
it in plain.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.avro_types import TIMESTAMP, frame_schema
from schemas.chunks import Chunk
from schemas.cloud_events import cloud_events
from schemas.codec import Codec
from schemas.deadletters import DeadLetter
from schemas.encoding import FrameEncoder
from schemas.errors import InvalidEventError
from schemas.frames import FrameDecoder
from schemas.personal.errors import NoSealerError
from schemas.quick_check import QuickCheck
from schemas.rules import violations
from schemas.topic import MAX_LETTER_BYTES, Topic
from schemas.wire import prefix

if TYPE_CHECKING:
    from schemas.personal.sealer import Sealer

Delivered = Callable[[KafkaError | None, Message | None], None]


class PublishError(Exception):
    """The broker did not acknowledge everything within its time."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where an event stands in the log."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read what `str` wrote.

        Raises:
            ValueError: the text is no position.
        """
        try:
            topic, partition, offset = text.split("/")
            return cls(topic, int(partition), int(offset))
        except ValueError:
            raise ValueError(f"{text!r} is no position; write topic/partition/offset") from None


def producer_config(kafka: dict[str, str], **overrides: Any) -> dict[str, Any]:
    """librdkafka settings of every producer here: idempotent, acknowledged by all replicas.

    The Murmur2 partitioner is that of the Java client, so that producers in any language put a
    key into the same partition.
    """
    return {
        **kafka,
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "message.max.bytes": MAX_LETTER_BYTES,
        "linger.ms": 5,
        "queue.buffering.max.messages": 500_000,
        "queue.buffering.max.kbytes": 256 * 1024,
        **overrides,
    }


class Publisher:
    """Publishes events of the catalogue. One per process is enough; it is safe between threads.

    Args:
        kafka: connection settings (`Settings.kafka_config`).
        source: `ce_source`: who publishes.
        sealer: seals personal fields; without one, topics that have some are refused.
        options: further settings of librdkafka, which come before those of every producer here.
    """

    def __init__(
        self,
        kafka: dict[str, str],
        codec: Codec,
        *,
        source: str,
        sealer: Sealer | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.codec = codec
        self._sealer = sealer
        self._producer = Producer(producer_config(kafka, **(options or {})))
        self._source = source.encode()
        self._decoders: dict[str, FrameDecoder] = {}
        self._quick: dict[str, QuickCheck | None] = {}
        self._failures: list[str] = []

    def check(
        self, topic: Topic, records: Sequence[dict[str, Any]]
    ) -> list[bytes | InvalidEventError]:
        """Seal and encode records, and hold them against every rule that agents hold them against.

        Returns:
            For each record its bytes, or what is wrong with it.

        Raises:
            PersonalDataError, psycopg.OperationalError: there are no keys to seal with.
        """
        quick = self._quick_check(topic)
        if quick is None:
            return self._check_each(topic, records)
        outcomes, rest = quick.check(records)
        if rest:
            slow = self._check_each(topic, [records[row] for row in rest])
            for row, outcome in zip(rest, slow, strict=True):
                outcomes[row] = outcome
        return outcomes

    def _check_each(
        self, topic: Topic, records: Sequence[dict[str, Any]]
    ) -> list[bytes | InvalidEventError]:
        """Record by record: what is wrong is found by its path."""
        outcomes = self._encoded(topic, records)
        rows = [row for row, outcome in enumerate(outcomes) if isinstance(outcome, bytes)]
        values = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
        if not values:
            return outcomes
        decoder = self._decoders.get(topic.name)
        if decoder is None:
            decoder = FrameDecoder(self.codec.registry, topic)
            self._decoders[topic.name] = decoder
        now = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
        count = len(values)
        chunk = Chunk(
            topic.name, -1, range(count), [now] * count, [None] * count, values, [()] * count
        )
        for reject in decoder.decode(chunk).rejects:
            outcomes[rows[reject.row]] = InvalidEventError("", reject.reason)
        return outcomes

    def check_frame(self, topic: Topic, frame: pl.DataFrame) -> list[bytes | InvalidEventError]:
        """The same for a frame with a column for each field, as columns where that is possible.

        Raises:
            PersonalDataError, psycopg.OperationalError: there are no keys to seal with.
        """
        if not topic.columnar:
            return self.check(topic, frame.to_dicts())
        wanted = frame_schema(topic.schema)
        try:
            events = frame.select(wanted.names()).cast(wanted)
        except pl.exceptions.PolarsError:  # some value is not of its type: row by row tells which
            return self.check(topic, frame.to_dicts())
        wrong: dict[int, InvalidEventError] = {}
        if topic.personal:
            events, wrong = self._sealer_for(topic).frame(topic, events)
        now = pl.lit(dt.datetime.now(dt.UTC)).cast(TIMESTAMP).alias("_timestamp")
        for row, reason in violations(topic.rules, frame.with_columns(now)):
            wrong.setdefault(row, InvalidEventError("", reason))
        rows = pl.int_range(events.height, eager=True)
        good = rows.filter(~rows.is_in(list(wrong))) if wrong else rows
        encoder = FrameEncoder(topic.schema, prefix(self.codec.registry.id_of(topic)))
        try:
            bodies = encoder.encode(events[good])
        except ValueError:  # a null where none may be
            return self.check(topic, frame.to_dicts())
        outcomes: list[bytes | InvalidEventError] = [b""] * events.height
        for row, body in zip(good, bodies, strict=True):
            outcomes[row] = body
        for row, error in wrong.items():
            outcomes[row] = error
        return outcomes

    def _quick_check(self, topic: Topic) -> QuickCheck | None:
        if topic.name not in self._quick:
            sealer = self._sealer_for(topic) if topic.personal else None
            self._quick[topic.name] = QuickCheck.of(topic, self.codec.registry, sealer)
        return self._quick[topic.name]

    def _encoded(
        self, topic: Topic, records: Sequence[dict[str, Any]]
    ) -> list[bytes | InvalidEventError]:
        sealed: Sequence[dict[str, Any] | InvalidEventError] = records
        if topic.personal:
            sealed = self._sealer_for(topic).records(topic, records)
        outcomes: list[bytes | InvalidEventError] = []
        for record in sealed:
            if isinstance(record, InvalidEventError):
                outcomes.append(record)
                continue
            try:
                outcomes.append(self.codec.encode(topic, record))
            except InvalidEventError as error:
                outcomes.append(error)
        return outcomes

    def _sealer_for(self, topic: Topic) -> Sealer:
        if self._sealer is None:
            raise NoSealerError(
                f"{topic.name} has personal fields ({', '.join(topic.personal)}), and this "
                "publisher has no keys to seal them with"
            )
        return self._sealer

    def publish(
        self,
        topic: Topic,
        record: dict[str, Any],
        *,
        value: bytes | None = None,
        partition: int | None = None,
        on_delivery: Delivered | None = None,
    ) -> None:
        """Hand one event to the producer; it waits when the producer's queue is full.

        Args:
            value: the encoded record, where [`check`][schemas.publisher.Publisher.check] has it.
            on_delivery: called with the broker's answer from within `flush` or a later `publish`.

        Raises:
            InvalidEventError: it does not fit the topic's schema.
            PersonalDataError, psycopg.OperationalError: there are no keys to seal it with.
        """
        if value is None:
            [body] = self._encoded(topic, [record])
            if isinstance(body, InvalidEventError):
                raise body
        else:
            body = value
        self._send(
            topic.name,
            str(record[topic.key]).encode(),
            body,
            cloud_events(topic, self._source)([record])[0],
            partition=partition,
            on_delivery=on_delivery,
        )

    def publish_checked(
        self,
        topic: Topic,
        records: Sequence[tuple[dict[str, Any], bytes, Delivered]],
    ) -> None:
        """Hand many events to the producer; it waits when the producer's queue is full.

        Args:
            records: each with its bytes, as [`check`][schemas.publisher.Publisher.check] has made
                them, and what is called with the broker's answer from within `flush` or `poll`.
        """
        produce, name, key_field = self._producer.produce, topic.name, topic.key
        headers = cloud_events(topic, self._source)([record for record, _, _ in records])
        for (record, value, on_delivery), about in zip(records, headers, strict=True):
            key = str(record[key_field]).encode()
            while True:
                try:
                    produce(name, value, key, headers=about, on_delivery=on_delivery)
                    break
                except BufferError:
                    self._producer.poll(0.05)
                except KafkaException as error:  # of this event alone: it is too large, say
                    on_delivery(error.args[0], None)
                    break

    def poll(self, timeout: float) -> None:
        """Wait for an answer of the broker, for at most `timeout` seconds, and call who asked."""
        self._producer.poll(timeout)

    def send_dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Hand dead letters to the producer."""
        for letter in letters:
            self._send(letter.topic, letter.key, letter.value, letter.headers)

    def flush(self, timeout: float = 30.0) -> None:
        """Wait until the broker has acknowledged everything.

        Raises:
            PublishError: something was refused, or is still open after `timeout` seconds.
        """
        remaining = self._producer.flush(timeout)
        failures, self._failures = self._failures, []
        if failures:
            raise PublishError(f"{len(failures)} events were refused, the first: {failures[0]}")
        if remaining:
            raise PublishError(
                f"{remaining} events are not acknowledged after {timeout:g} s: is Kafka up?"
            )

    def _send(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        headers: list[tuple[str, bytes | None]],
        *,
        partition: int | None = None,
        on_delivery: Delivered | None = None,
    ) -> None:
        def delivered(error: KafkaError | None, message: Message | None) -> None:
            if error is not None and on_delivery is None:
                self._failures.append(str(error))
            if on_delivery is not None:
                on_delivery(error, message)

        arguments: dict[str, Any] = {} if partition is None else {"partition": partition}
        while True:
            try:
                self._producer.produce(
                    topic, value, key, headers=headers, on_delivery=delivered, **arguments
                )
                break
            except BufferError:
                self._producer.poll(0.05)
        self._producer.poll(0)


def new_event_id() -> str:
    """A UUID of version 7: unique, and ordered by the time it was made (RFC 9562)."""
    millis = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
    raw = bytearray(millis.to_bytes(6, "big") + os.urandom(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
