"""Chunks as frames: what decodes, what is rejected, and that neighbours of bad records are safe."""

from __future__ import annotations

import copy
import datetime as dt
import random
import subprocess
import sys
from typing import Any
from uuid import UUID

import polars as pl
import pytest

from schemas import catalogue
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.resolution import resolve
from schemas.wire import HEADER, prefix
from tests.unit.schemas.fake_registry import FakeRegistry, body_of

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
NOW_MS = int(NOW.timestamp() * 1000)


def engagement(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "occurred_at": NOW - dt.timedelta(seconds=number),
        "video_id": f"v{number % 7}",
        "channel_id": "c1",
        "viewer_id": f"u{number}",
        "session_id": None,
        "kind": "view",
        "watch_ms": number,
        "country": "DE",
        "device": "phone",
        "source": None,
        **changes,
    }


def chunk_of(values: list[bytes | None], headers: list[Any] | None = None) -> Chunk:
    count = len(values)
    return Chunk(
        catalogue.ENGAGEMENT.name,
        2,
        [10 + row for row in range(count)],
        [NOW_MS] * count,
        [b"k"] * count,
        values,
        headers or [()] * count,
    )


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry({1: catalogue.ENGAGEMENT.schema})


@pytest.fixture
def decoder(registry: FakeRegistry) -> FrameDecoder:
    return FrameDecoder(registry, catalogue.ENGAGEMENT)


def good_values(count: int) -> list[bytes | None]:
    return [
        prefix(1) + body_of(catalogue.ENGAGEMENT.schema, engagement(number))
        for number in range(count)
    ]


def test_a_chunk_becomes_a_frame_with_coordinates(decoder: FrameDecoder) -> None:
    decoded = decoder.decode(chunk_of(good_values(5)))
    assert not decoded.rejects
    assert decoded.frame["event_id"].to_list() == ["e0", "e1", "e2", "e3", "e4"]
    assert decoded.frame["_offset"].to_list() == [10, 11, 12, 13, 14]
    assert decoded.frame["_partition"].unique().to_list() == [2]
    assert decoded.frame["occurred_at"][1] == NOW - dt.timedelta(seconds=1)
    assert decoded.frame["_timestamp"][0] == NOW
    assert decoded.frame.schema == decoder.schema


def test_only_the_wanted_columns_are_decoded(registry: FakeRegistry) -> None:
    decoder = FrameDecoder(registry, catalogue.ENGAGEMENT, ["video_id", "kind"])
    frame = decoder.decode(chunk_of(good_values(3))).frame
    assert frame.columns == ["video_id", "kind", "_partition", "_offset", "_timestamp"]


@pytest.mark.parametrize("at", [0, 2, 4])
@pytest.mark.parametrize(
    "poison",
    [
        b"",
        b"{}",
        prefix(1),
        prefix(1) + b"\xff" * 20,
        prefix(77) + b"whatever",
        prefix(1) + b"\x04e1\x00\xff\xff",
    ],
    ids=["empty", "json", "no body", "noise", "unknown schema", "truncated"],
)
def test_a_poison_record_is_rejected_and_the_rest_goes_on(
    decoder: FrameDecoder, poison: bytes, at: int
) -> None:
    values = good_values(5)
    values[at] = poison
    decoded = decoder.decode(chunk_of(values))
    assert [reject.row for reject in decoded.rejects] == [at]
    assert decoded.rejects[0].reason
    expected = [f"e{number}" for number in range(5) if number != at]
    assert decoded.frame["event_id"].to_list() == expected
    assert decoded.frame["_offset"].to_list() == [10 + n for n in range(5) if n != at]


def test_a_chunk_of_nothing_but_poison_gives_an_empty_frame(decoder: FrameDecoder) -> None:
    decoded = decoder.decode(chunk_of([b"", b"x", prefix(9)]))
    assert decoded.frame.is_empty()
    assert decoded.frame.schema == decoder.schema
    assert len(decoded.rejects) == 3


def test_tombstones_are_passed_over(decoder: FrameDecoder) -> None:
    values = good_values(3)
    values[1] = None
    decoded = decoder.decode(chunk_of(values))
    assert not decoded.rejects
    assert decoded.frame["_offset"].to_list() == [10, 12]


def test_mutated_records_never_change_their_neighbours(decoder: FrameDecoder) -> None:
    rng = random.Random(7)
    for _ in range(300):
        values = good_values(20)
        at = rng.randrange(20)
        body = bytearray(values[at] or b"")
        for _ in range(rng.randrange(1, 4)):
            body[rng.randrange(5, len(body))] = rng.randrange(256)
        values[at] = bytes(body)
        decoded = decoder.decode(chunk_of(values))
        others = decoded.frame.filter(pl.col("_offset") != 10 + at)
        assert others["event_id"].to_list() == [f"e{n}" for n in range(20) if n != at]
        assert others["watch_ms"].to_list() == [n for n in range(20) if n != at]


def test_several_writer_schemas_in_a_chunk_are_resolved_in_order() -> None:
    old = copy.deepcopy(catalogue.ENGAGEMENT.schema)
    old["fields"] = [f for f in old["fields"] if f["name"] not in ("device", "source")]
    renamed = copy.deepcopy(catalogue.ENGAGEMENT.schema)
    renamed["fields"].append({"name": "extra", "type": "string"})
    registry = FakeRegistry({1: catalogue.ENGAGEMENT.schema, 2: old, 3: renamed})
    values: list[bytes | None] = []
    for number in range(9):
        schema_id = number % 3 + 1
        schema = registry.writer_schema(schema_id)
        record = engagement(number, extra="x")
        names = {field["name"] for field in schema["fields"]}
        values.append(
            prefix(schema_id) + body_of(schema, {k: v for k, v in record.items() if k in names})
        )
    # A writer without the fields' defaults must still be read: give the reader schema defaults.
    reader = copy.deepcopy(catalogue.ENGAGEMENT)
    decoded = FrameDecoder(registry, reader).decode(chunk_of(values))
    assert not decoded.rejects
    assert decoded.frame["event_id"].to_list() == [f"e{n}" for n in range(9)]
    assert decoded.frame["device"].to_list() == [None if n % 3 == 1 else "phone" for n in range(9)]


def test_rows_of_a_time_without_a_sketch_are_read_with_an_empty_one() -> None:
    topic = catalogue.VIRALITY_SCORES
    old = copy.deepcopy(topic.schema)
    old["fields"] = [f for f in old["fields"] if f["name"] not in ("unique_viewers", "viewers")]
    sketch = bytes(range(256)) * 8
    counts = ("views", "likes", "dislikes", "comments", "shares", "saves", "impressions")
    row = {
        "video_id": "v",
        "channel_id": "c",
        "as_of": NOW,
        **dict.fromkeys((*counts, "watch_ms", "applied_offset"), 3),
        **dict.fromkeys(("views_1h", "views_6h", "views_24h", "views_7d"), 1.5),
        **dict.fromkeys(("score", "velocity", "acceleration"), 2.5),
        "model_version": "m",
    }
    registry = FakeRegistry({1: old, 2: topic.schema})
    new = {**row, "unique_viewers": 2, "viewers": sketch}
    values = [prefix(1) + body_of(old, row), prefix(2) + body_of(topic.schema, new)]
    chunk = Chunk(topic.name, 0, [1, 2], [NOW_MS] * 2, [b"v"] * 2, values, [()] * 2)
    decoded = FrameDecoder(registry, topic, ["video_id", "unique_viewers", "viewers"]).decode(chunk)
    assert not decoded.rejects
    found = decoded.frame.select("video_id", "unique_viewers", "viewers").rows()
    assert found == [("v", 0, b""), ("v", 2, sketch)]


def test_a_default_of_bytes_is_one_byte_a_character() -> None:
    field = {"name": "raw", "type": "bytes", "default": "a\xff\x00"}
    frame = resolve(pl.DataFrame({"id": ["x"]}), [field], {})
    assert frame["raw"].to_list() == [b"a\xff\x00"]


def test_guid_and_header_framings_are_read() -> None:
    guid = UUID("4f6d2a1e-0000-4000-8000-000000000001")
    registry = FakeRegistry({1: catalogue.ENGAGEMENT.schema, guid: catalogue.ENGAGEMENT.schema})
    bodies = [body_of(catalogue.ENGAGEMENT.schema, engagement(n)) for n in range(3)]
    values: list[bytes | None] = [
        bodies[0],
        b"\x01" + guid.bytes + bodies[1],
        prefix(1) + bodies[2],
    ]
    headers = [[(HEADER, b"\x01" + guid.bytes)], (), [("traceparent", b"x")]]
    decoded = FrameDecoder(registry, catalogue.ENGAGEMENT).decode(chunk_of(values, headers))
    assert not decoded.rejects
    assert decoded.frame["event_id"].to_list() == ["e0", "e1", "e2"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"occurred_at": dt.datetime(1970, 1, 2, tzinfo=dt.UTC)}, "before"),
        ({"occurred_at": NOW + dt.timedelta(days=2)}, "hour after"),
        ({"video_id": ""}, "video_id is empty"),
        ({"watch_ms": -5}, "below zero"),
    ],
)
def test_implausible_events_are_rejected_with_the_reason(
    decoder: FrameDecoder, change: dict[str, Any], word: str
) -> None:
    values = good_values(3)
    values[1] = prefix(1) + body_of(catalogue.ENGAGEMENT.schema, engagement(1, **change))
    decoded = decoder.decode(chunk_of(values))
    assert [reject.row for reject in decoded.rejects] == [1]
    assert word in decoded.rejects[0].reason
    assert decoded.frame["event_id"].to_list() == ["e0", "e2"]


def test_a_life_story_has_its_records_names_and_all_their_fields() -> None:
    topic = catalogue.VIRALITY_PREDICTIONS
    registry = FakeRegistry({5: topic.schema})
    observed = {
        "event_id": "e",
        "occurred_at": NOW,
        "prediction_id": "p",
        "actual_views": 12,
        "feedback": None,
    }
    value = prefix(5) + body_of(topic.schema, ("groundswell.virality.ActualObserved", observed))
    chunk = Chunk(topic.name, 0, [3], [NOW_MS], [b"p"], [value], [()])
    frame = FrameDecoder(registry, topic).decode(chunk).frame
    row = frame.row(0, named=True)
    assert row["_type"] == "ActualObserved"
    assert row["actual_views"] == 12
    assert row["title"] is None


def test_polars_knows_numpy_before_any_thread_asks() -> None:
    """Two that ask at once, for the first time, made a worker end with a TypeError."""
    asked = (
        "import polars, sys, schemas.frames; from polars.series.series import np;"
        "sys.exit('ndarray' not in vars(np))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
