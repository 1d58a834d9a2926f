"""Copies into a topic and notes into its dead letters, all acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from infra.dead_letters.box import Letter
from schemas.deadletters import Note, Run, note_headers, run_headers
from schemas.publisher import PublishError, producer_config
from schemas.redrive import copy_headers
from schemas.topic import Topic

_ACKNOWLEDGE_S = 60.0
_RUNS = b"redrive"  # key of records that tell of runs

# The record was not appended, and trying again would not help.
_REFUSED = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
    }
)


class Sent(NamedTuple):
    """What became of copies.

    Attributes:
        positions: of those that are in the log, by record.
        refused: why the others are not, by record.
    """

    positions: dict[str, str]
    refused: dict[str, str]


class Desk:
    """Publishes for one topic.

    Every method waits for the broker, and raises PublishError when it does not know what became of
    something.
    """

    def __init__(self, kafka: dict[str, str], topic: Topic) -> None:
        self._topic = topic
        self._producer = Producer(producer_config(kafka))
        self._unclear: list[str] = []

    def copies(self, letters: Sequence[Letter]) -> Sent:
        """Publish a copy of each letter's record to the partition where the record stands."""
        sent = Sent({}, {})
        for letter in letters:
            if letter.place is None:
                sent.refused[letter.record] = "nothing in it says which record it is about"
                continue
            self._copy(letter, letter.place.partition, sent)
        self._acknowledged()
        return sent

    def notes(self, notes: Iterable[Note]) -> None:
        """Write down what became of letters."""
        for note in notes:
            self._produce(self._topic.dlq, note.record, None, note_headers(note), self._answered)
        self._acknowledged()

    def run(self, run: Run) -> None:
        """Write down that a run begins, or is over."""
        self._produce(self._topic.dlq, _RUNS, None, run_headers(run), self._answered)
        self._acknowledged()

    def _copy(self, letter: Letter, partition: int, sent: Sent) -> None:
        def answered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                position = f"{message.topic()}/{message.partition()}/{message.offset()}"
                sent.positions[letter.record] = position
            elif error.code() in _REFUSED:
                sent.refused[letter.record] = error.str()
            else:
                self._unclear.append(error.str())

        addresses = (refusal.address for refusal in letter.refusals)
        headers = copy_headers(letter.headers, letter.record, addresses)
        try:
            self._produce(
                self._topic.name, letter.key, letter.value, headers, answered, partition=partition
            )
        except KafkaException as error:
            if error.args[0].code() not in _REFUSED:
                raise
            sent.refused[letter.record] = error.args[0].str()

    def _answered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._unclear.append(error.str())

    def _produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes | None]],
        answered: Callable[[KafkaError | None, Message], None],
        **where: int,
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    topic, value, key, headers=headers, on_delivery=answered, **where
                )
                return
            except BufferError:
                self._producer.poll(0.1)

    def _acknowledged(self) -> None:
        waiting = self._producer.flush(_ACKNOWLEDGE_S)
        unclear, self._unclear = self._unclear, []
        if unclear or waiting:
            why = unclear[0] if unclear else f"no answer within {_ACKNOWLEDGE_S:g} s"
            raise PublishError(
                f"Kafka has not acknowledged {len(unclear) + waiting} records of {self._topic.name}"
                f" ({why}); run it again: what is done stays done"
            )
