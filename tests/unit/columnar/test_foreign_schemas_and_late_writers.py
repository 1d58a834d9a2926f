"""What other programs do to a log: schemas of other kinds, rows written while state is read."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from schemas.catalogue import ENGAGEMENT
from schemas.frames import FrameDecoder
from schemas.registry import Registry
from schemas.wire import prefix
from streams.columnar import restore
from tests.unit.columnar.test_partition import chunk, value


def registry_with(text: str, kind: str) -> Registry:
    registry = Registry.__new__(Registry)
    found = SimpleNamespace(schema_str=text, schema_type=kind)
    vars(registry).update(
        _writers={1: ENGAGEMENT.schema},
        _ids={},
        _lock=threading.Lock(),
        _client=SimpleNamespace(get_schema=lambda _: found),
    )
    return registry


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('syntax = "proto3"; message A { string a = 1; }', "PROTOBUF"),
        ('{"type": "object", "properties": {}}', "JSON"),
        ('{"type": "record", "name": "Broken"}', "AVRO"),
    ],
)
def test_an_event_of_another_kind_of_schema_is_rejected(text: str, kind: str) -> None:
    decoder = FrameDecoder(registry_with(text, kind), ENGAGEMENT, ("video_id", "event_id", "kind"))
    decoded = decoder.decode(chunk([value(0, "v"), prefix(2) + b"x"], 0))
    assert decoded.frame["_offset"].to_list() == [0]
    assert [reject.row for reject in decoded.rejects] == [1]


def test_a_row_written_while_state_is_read_does_not_fail_the_restore(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end of the partition is then not the last thing that the broker tells."""

    def message(offset: int, error: KafkaError | None = None) -> Any:
        return SimpleNamespace(error=lambda: error, offset=lambda: offset)

    end = KafkaError(KafkaError._PARTITION_EOF)
    told = [message(6), message(7, end), message(7)]
    consumer: Any = SimpleNamespace(consume=lambda *_, **__: told)
    monkeypatch.setattr(restore, "_decode", lambda messages, *_: messages)
    found, end_offset = restore.read_to_end(consumer, TopicPartition("t", 0), None)  # type: ignore[arg-type]
    assert found == [[told[0], told[2]]]
    assert end_offset == 8
