"""Records, schemas and moments that an agent must survive with the same counts."""

from __future__ import annotations

import io
import sys
import threading
from typing import Any

import fastavro
import polars as pl
import pytest
from polars.exceptions import PanicException

from schemas import bodies
from schemas.catalogue import ENGAGEMENT
from schemas.frames import FrameDecoder
from schemas.varint import zigzag
from schemas.wire import prefix
from streams.columnar.fold import Folded
from tests.unit.columnar.test_partition import (
    NOW,
    PARSED,
    CountingFold,
    chunk,
    partition,
    process,
    state_of,
    value,
)
from tests.unit.schemas.fake_registry import FakeRegistry

COLUMNS = ("video_id", "event_id", "kind")


def decoder() -> FrameDecoder:
    return FrameDecoder(FakeRegistry({1: ENGAGEMENT.schema}), ENGAGEMENT, COLUMNS)


def engagement(**fields: Any) -> bytes:
    event = {
        "event_id": "e1",
        "occurred_at": NOW,
        "video_id": "w",
        "channel_id": "c",
        "viewer_id": "u",
        "kind": "view",
        **fields,
    }
    stream = io.BytesIO()
    stream.write(prefix(1))
    fastavro.schemaless_writer(stream, PARSED, event)
    return stream.getvalue()


def test_reading_the_window_again_does_not_take_the_commit_back() -> None:
    part = partition(fold_from=50, horizon=10)
    assert part.take_outbox().next_offset >= 50


@pytest.mark.parametrize(
    "odd",
    [
        engagement(viewer_id="????").replace(b"????", b"\xff\xfe\xff\xfe"),
        engagement(session_id="ab").replace(b"\2\4ab", b"\4\4ab"),  # a third branch of two
    ],
    ids=["bad text in a column that is not wanted", "bad union branch"],
)
def test_whether_an_event_counts_does_not_depend_on_its_neighbours(odd: bytes) -> None:
    good, bad = value(0, "v"), prefix(1) + b"\xff"
    alone = decoder().decode(chunk([good, odd], 0)).frame["_offset"].to_list()
    beside = decoder().decode(chunk([good, odd, bad], 0)).frame["_offset"].to_list()
    assert alone == beside


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "avro.java.string": "String"},
        {"type": "map", "values": "long"},
        {"type": "enum", "name": "e", "symbols": ["a"]},
    ],
    ids=["string", "map", "enum"],
)
def test_a_registered_schema_that_is_no_record_rejects_its_events(schema: Any) -> None:
    registry = FakeRegistry({1: ENGAGEMENT.schema, 2: schema})
    decoded = FrameDecoder(registry, ENGAGEMENT, COLUMNS).decode(
        chunk([value(0, "v"), prefix(2) + b"\2a"], 0)
    )
    assert decoded.frame["_offset"].to_list() == [0]
    assert [reject.row for reject in decoded.rejects] == [1]


def test_markers_asked_for_by_many_threads_at_once_are_right() -> None:
    wanted = [zigzag(bodies._SALT | row) for row in range(3_000)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(30):
            markers, start = bodies._Markers(), threading.Barrier(4)

            def ask(markers: Any = markers, start: Any = start) -> None:
                start.wait()
                markers.encoded(3_000)

            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert markers.encoded(3_000) == wanted
    finally:
        sys.setswitchinterval(interval)


class PanickingFold(CountingFold):
    def __call__(self, rows: pl.DataFrame, events: pl.DataFrame) -> Folded:
        if "poison" in events["video_id"]:
            raise PanicException("index out of bounds")
        return super().__call__(rows, events)


def test_an_event_at_which_polars_panics_becomes_a_dead_letter_too() -> None:
    part = partition()
    part.fold = PanickingFold()
    process(part, chunk([value(0, "v"), value(1, "poison"), value(2, "v")], 0))
    assert {key: views for key, (views, _) in state_of(part).items()} == {"v": 2}
    assert len(part.take_outbox().letters) == 1
