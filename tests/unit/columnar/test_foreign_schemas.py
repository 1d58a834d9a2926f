"""What other programs write to a log: schemas of other kinds."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from schemas.catalogue import ENGAGEMENT
from schemas.frames import FrameDecoder
from schemas.registry import Registry
from schemas.wire import prefix
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
