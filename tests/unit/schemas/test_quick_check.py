"""Events that are checked together come out as each would by itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro_types import NotColumnarError
from schemas.catalogue import ENGAGEMENT, GENERATION_EVENTS, VIDEO_UPLOADS
from schemas.cloud_events import cloud_events
from schemas.codec import Codec
from schemas.list_encoding import ListEncoder
from schemas.personal.sealer import Sealer
from schemas.publisher import Publisher
from schemas.quick_check import QuickCheck
from schemas.topic import Topic
from tests.unit.schemas.fake_registry import FakeRegistry, body_of
from tests.unit.schemas.person_keys import MemoryKeys
from tests.unit.schemas.test_encoding import ints, longs, texts

RECORD: dict[str, Any] = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "text", "type": "string"},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "small", "type": "int"},
        {"name": "big", "type": ["null", "long"]},
        {"name": "real", "type": ["double", "null"]},
        {"name": "yes", "type": "boolean"},
        {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["a", "b", "c"]}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "words", "type": {"type": "array", "items": "string"}},
    ],
}
ROWS = st.fixed_dictionaries(
    {
        "text": texts,
        "small": ints,
        "big": st.none() | longs,
        "real": st.none() | st.floats(allow_nan=False),
        "yes": st.booleans(),
        "kind": st.sampled_from("abc"),
        "at": st.datetimes(
            dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)
        ),
        "words": st.lists(texts, max_size=4),
    },
    optional={"note": st.none() | texts},
)
ENGAGED: dict[str, Any] = {
    "event_id": "e",
    "occurred_at": dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC),
    "video_id": "v",
    "channel_id": "c",
    "viewer_id": "u",
    "kind": "view",
}
# What a producer may get wrong, or spell in another way that Avro takes.
ODD: list[dict[str, Any]] = [
    {"kind": "stare"},
    {"kind": 1},
    {"watch_ms": -1},
    {"watch_ms": True},
    {"watch_ms": 2**40},
    {"watch_ms": 1.5},
    {"watch_ms": "1"},
    {"video_id": ""},
    {"video_id": None},
    {"video_id": "half \ud800"},
    {"event_id": 5},
    {"viewer_id": ""},
    {"viewer_id": "", "session_id": "s"},
    {"viewer_id": None},
    {"session_id": ["s"]},
    {"colour": "red"},
    {"occurred_at": "2026-05-01"},
    {"occurred_at": dt.datetime(1970, 1, 1, tzinfo=dt.UTC)},
    {"occurred_at": dt.datetime.now(dt.UTC) + dt.timedelta(days=1)},
    {},
    {"session_id": "s", "watch_ms": 5, "country": None},
]


def publisher(*topics: Topic) -> Publisher:
    registry = FakeRegistry({number: topic.schema for number, topic in enumerate(topics, 1)})
    return Publisher({}, Codec(registry), source="/tests", sealer=Sealer(MemoryKeys()))


@given(st.lists(ROWS, min_size=1, max_size=8))
def test_lists_encode_to_the_bytes_of_rows(records: list[dict[str, Any]]) -> None:
    encoder = ListEncoder(RECORD, b"\0\0\0\0\7")
    columns, wrong = encoder.columns(records)
    assert wrong == set()
    assert encoder.encode(columns) == [b"\0\0\0\0\7" + body_of(RECORD, one) for one in records]


@given(st.lists(st.sampled_from(ODD), min_size=1, max_size=12))
def test_events_are_judged_together_as_they_are_one_by_one(odd: list[dict[str, Any]]) -> None:
    ours = publisher(ENGAGEMENT)
    events = [{**ENGAGED, **one} for one in odd]
    together = ours.check(ENGAGEMENT, events)
    alone = ours._check_each(ENGAGEMENT, events)
    assert [str(one) for one in together] == [str(one) for one in alone]


def test_a_missing_field_is_named_and_does_not_stop_its_neighbours() -> None:
    incomplete = {name: value for name, value in ENGAGED.items() if name != "channel_id"}
    first, second, third = publisher(ENGAGEMENT).check(ENGAGEMENT, [ENGAGED, incomplete, ENGAGED])
    assert isinstance(first, bytes)
    assert first == third
    assert str(second) == "channel_id: is missing"


def test_arrays_are_checked_item_by_item() -> None:
    ours = publisher(VIDEO_UPLOADS)
    facts = {"channel_id": "c", "title": "t", "published_at": ENGAGED["occurred_at"]}
    upload = {"event_id": "e", "occurred_at": ENGAGED["occurred_at"], "video_id": "v", **facts}
    good, bad = ours.check(
        VIDEO_UPLOADS, [{**upload, "tags": ["a", "b"]}, {**upload, "tags": ["a", 5]}]
    )
    assert isinstance(good, bytes)
    assert ours.codec.decode(VIDEO_UPLOADS, good)["tags"] == ["a", "b"]
    assert "tags" in str(bad)


def test_what_is_no_column_is_left_to_others() -> None:
    assert QuickCheck.of(GENERATION_EVENTS, FakeRegistry({}), None) is None
    nested = {"type": "record", "name": "R", "fields": [{"name": "m", "type": {"type": "map"}}]}
    with pytest.raises(NotColumnarError):
        ListEncoder(nested)


def test_headers_say_what_an_event_is_and_when_it_was() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    events = [
        {**ENGAGED, "occurred_at": dt.datetime(2026, 5, 1, 12, 0, 0, 5, tzinfo=zone)},
        {"event_id": "x"},
    ]
    first, second = (dict(one) for one in cloud_events(ENGAGEMENT, b"/here")(events))
    assert first["ce_time"] == b"2026-05-01T10:00:00.000005Z"
    assert (first["ce_id"], first["ce_type"]) == (b"e", b"groundswell.Engagement")
    assert (second["ce_id"], second["ce_source"]) == (b"x", b"/here")
    assert "ce_time" not in second
