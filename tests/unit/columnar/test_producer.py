"""A producer of columns says what it could not send, whether or not there is a broker."""

from __future__ import annotations

import gc

import polars as pl
import pytest

from schemas.catalogue import VIRALITY_SCORES
from schemas.encoding import texts
from schemas.topic import MAX_LETTER_BYTES
from streams.columnar.kafka.producer import ColumnProducer
from streams.columnar.sink import NotAcknowledgedError, Sink
from tests.unit.columnar.frames import scores
from tests.unit.schemas.fake_registry import FakeRegistry

NOWHERE = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}


def test_a_row_that_the_producer_refuses_is_not_tried_for_ever() -> None:
    sink = Sink(NOWHERE, FakeRegistry({1: VIRALITY_SCORES.schema}))  # type: ignore[arg-type]
    sink.send(VIRALITY_SCORES, scores(["v"], reasons=["x" * MAX_LETTER_BYTES]), partition=0)
    with pytest.raises(NotAcknowledgedError, match=r"too large.*b'v'"):
        sink.acknowledged(1)


def test_rows_wait_for_room_in_the_queue_and_each_that_expires_is_named() -> None:
    producer = ColumnProducer(
        {**NOWHERE, "queue.buffering.max.messages": 2, "message.timeout.ms": 200}
    )
    keys = texts(pl.Series(["a", "b", "c", "d", "e"]))
    producer.produce("topic", 0, keys, keys)
    assert producer.flush(10) == 0
    keys_refused = [reason.partition("(key ")[2] for reason in producer.take_refused()]
    assert keys_refused == ["b'a')", "b'b')", "b'c')", "b'd')", "b'e')"]
    assert producer.take_refused() == []


def test_what_is_open_is_counted() -> None:
    producer = ColumnProducer(NOWHERE)
    keys = texts(pl.Series(["a", "", "c"]))
    producer.produce("topic", None, keys, keys)
    assert producer.flush(0.05) in (3, 4)  # librdkafka may have a word of its own in the queue


@pytest.mark.parametrize(
    "wrong", [{"acks": "perhaps"}, {"no.such.setting": 1}, {"enable.idempotence": True, "acks": 0}]
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        ColumnProducer({**NOWHERE, **wrong})


def test_a_producer_that_is_dropped_with_open_rows_ends() -> None:
    producer = ColumnProducer(NOWHERE)
    keys = texts(pl.Series(["a"]))
    producer.produce("topic", 0, keys, keys)
    del producer
    gc.collect()
