"""Batches read whole give what their records give one by one, or are taken apart."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import fastavro
import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from schemas.batch_reader import BatchReader
from schemas.catalogue import ENGAGEMENT
from schemas.chunks import Chunk
from schemas.errors import UndecodableError
from schemas.frames import Decoded, FrameDecoder
from schemas.record_batches import RecordBatch, RecordBatches
from schemas.wire import prefix
from tests.unit.schemas.fake_registry import FakeRegistry

NOW_US = 1_780_000_000_000_000
NOW_MS = NOW_US // 1000
OLD = {
    **ENGAGEMENT.schema,
    "fields": [f for f in ENGAGEMENT.schema["fields"] if f["name"] != "country"],
}
PARSED = fastavro.parse_schema(ENGAGEMENT.schema, named_schemas={})
PARSED_OLD = fastavro.parse_schema(OLD, named_schemas={})


class Sent(NamedTuple):
    """A record as a producer sends it."""

    value: bytes | None
    key: bytes | None = b"v1"
    headers: tuple[tuple[str, bytes | None], ...] = ()


def decoder() -> FrameDecoder:
    return FrameDecoder(FakeRegistry({1: ENGAGEMENT.schema, 2: OLD}), ENGAGEMENT)


def event(number: int = 0, schema: int = 1, **fields: Any) -> bytes:
    record = {
        "event_id": f"e{number}",
        "occurred_at": NOW_US + number,
        "video_id": "v1",
        "channel_id": "c",
        "viewer_id": "u",
        "session_id": None,
        "kind": "view",
        "watch_ms": 5 * number,
        **fields,
    }
    stream = io.BytesIO()
    stream.write(prefix(schema))
    fastavro.schemaless_writer(stream, PARSED if schema == 1 else PARSED_OLD, record)
    return stream.getvalue()


def batch(records: Sequence[Sent], base: int = 0, codec: int = 0, skip: int = 0) -> bytes:
    """Bytes of a batch; the first `skip` records are missing as after compaction."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 20)
    for number, record in enumerate(records):
        if number >= skip:
            added = builder.append(
                number, NOW_MS + number, record.key, record.value, list(record.headers)
            )
            assert added is not None
    data = builder.build()
    data[0:8] = base.to_bytes(8, "big")
    return bytes(data)


def batches(*parts: bytes) -> list[RecordBatch]:
    answer = RecordBatches(b"".join(parts))
    found = []
    while answer.has_next():
        found.append(answer.next_batch())
    return found


def chunk(parts: Sequence[RecordBatch], start: int = 0) -> Chunk:
    return Chunk.of_batches(ENGAGEMENT.name, 3, parts, start)


def one_by_one(whole: Chunk) -> Decoded:
    return decoder().decode(
        Chunk(
            whole.topic,
            whole.partition,
            whole.offsets,
            whole.timestamps,
            whole.keys,
            whole.values,
            whole.headers,
        )
    )


def assert_same(whole: Chunk) -> Decoded:
    """Both ways give the same events and the same rejects."""
    at_once, apart = decoder().decode(whole), one_by_one(whole)
    assert at_once.frame.equals(apart.frame)
    assert at_once.frame.schema == apart.frame.schema
    assert [reject.row for reject in at_once.rejects] == [r.row for r in apart.rejects]
    return at_once


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4], ids=["none", "gzip", "snappy", "lz4", "zstd"])
def test_batches_of_every_compression_are_read_whole(
    codec: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = batches(
        batch([Sent(event(n)) for n in range(50)], 100, codec),
        batch([Sent(event(n)) for n in range(50, 90)], 150, codec),
    )
    assert all(part.validate_crc() for part in parts)
    whole = chunk(parts)
    expected = one_by_one(whole).frame
    monkeypatch.setattr(RecordBatch, "explode", lambda _: pytest.fail("taken apart"))
    decoded = decoder().decode(chunk(parts))
    assert decoded.frame.equals(expected)
    assert decoded.frame["_offset"].to_list() == list(range(100, 190))
    assert decoded.frame["_partition"].unique().to_list() == [3]


def test_the_broker_s_time_is_taken_where_the_topic_says_so() -> None:
    data = bytearray(batch([Sent(event(n)) for n in range(3)]))
    data[22] |= 0x08  # timestamp type of the attributes
    data[35:43] = (NOW_MS + 777).to_bytes(8, "big")
    decoded = assert_same(chunk(batches(bytes(data))))
    assert decoded.frame["_timestamp"].dt.epoch("ms").to_list() == [NOW_MS + 777] * 3


def test_a_damaged_batch_is_noticed() -> None:
    data = bytearray(batch([Sent(event())]))
    data[-3] ^= 1
    assert not batches(bytes(data))[0].validate_crc()


def test_an_old_message_format_is_named() -> None:
    data = bytearray(batch([Sent(event())]))
    data[16] = 1
    with pytest.raises(CorruptRecordException, match="message format 1"):
        batches(bytes(data))


def test_a_batch_that_the_broker_cut_is_left_out() -> None:
    first, second = batch([Sent(event())]), batch([Sent(event(1))], 1)
    answer = RecordBatches(first + second[:-1])
    assert answer.size_in_bytes() == len(first) + len(second) - 1
    assert answer.next_batch().base_offset == 0
    assert not answer.has_next()


def test_a_fetch_inside_of_a_batch_begins_there() -> None:
    parts = batches(batch([Sent(event(n)) for n in range(5)], 10), batch([Sent(event(9))], 15))
    whole = chunk(parts, start=13)
    assert (whole.first_offset, whole.last_offset, len(whole)) == (13, 15, 3)
    assert len(chunk(parts[:1], start=13)) == 2
    assert assert_same(whole).frame["_offset"].to_list() == [13, 14, 15]


def test_what_compaction_took_is_missing_and_nothing_else() -> None:
    records = [Sent(event(n)) for n in range(6)]
    parts = batches(batch(records, 10, skip=2), batch(records[:3], 40))
    assert assert_same(chunk(parts)).frame["_offset"].to_list() == [12, 13, 14, 15, 40, 41, 42]


def test_batches_without_records_are_passed_over() -> None:
    empty = bytearray(batch([Sent(event())], 7))
    empty[57:61] = bytes(4)
    header = bytes(empty[:61])
    data = header[:8] + (49).to_bytes(4, "big") + header[12:]
    parts = batches(batch([Sent(event())], 6), data, batch([Sent(event(1))], 8))
    decoded = decoder().decode(chunk(parts))
    assert decoded.frame["_offset"].to_list() == [6, 8]


good = st.integers(0, 10**6).map(lambda n: Sent(event(n)))
odd = st.one_of(
    good,
    st.integers(0, 9).map(lambda n: Sent(event(n, schema=2))),
    st.just(Sent(None)),
    st.just(Sent(event(), key=None)),
    st.just(Sent(event(), headers=(("trace", b"1"), ("empty", None)))),
    st.binary(max_size=12).map(Sent),
    st.just(Sent(prefix(9) + event()[5:])),
    st.just(Sent(event() + b"\0")),
    st.just(Sent(event()[:-1])),
    st.just(Sent(event(watch_ms=-1))),
    st.tuples(st.integers(0, 60), st.integers(0, 255)).map(lambda at: Sent(mutated(*at))),
)


def mutated(place: int, byte: int) -> bytes:
    data = bytearray(event(3))
    data[place % len(data)] = byte
    return bytes(data)


many_good, many_odd = (st.lists(kind, min_size=1, max_size=8) for kind in (good, odd))


@given(st.lists(many_good | many_odd, min_size=1, max_size=5), st.integers(0, 12))
def test_any_batches_give_what_their_records_give(log: list[list[Sent]], start: int) -> None:
    base, parts = 0, []
    for records in log:
        parts.append(batch(records, base, codec=3))
        base += len(records)
    found = batches(*parts)
    while found and found[0].next_offset <= start:
        found = found[1:]
    if found:
        assert_same(chunk(found, start))


def test_a_body_that_reaches_into_the_next_record_is_not_accepted() -> None:
    """Its own end is moved; no reader of whole batches may take the neighbour's bytes."""
    reader = BatchReader(ENGAGEMENT.schema, prefix(1), keyed=True)
    for cut in (event()[:-1], event() + b"\0\0", event() + event()):
        parts = batches(batch([Sent(event(1)), Sent(cut), Sent(event(2))]))
        with pytest.raises(UndecodableError):
            reader.read(parts, ["event_id"])
        parts = batches(batch([Sent(event(1)), Sent(cut)]))
        with pytest.raises(UndecodableError):
            reader.read(parts, ["event_id"])


def test_one_record_of_another_kind_takes_only_its_batch_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = batches(
        *(batch([Sent(event(10 * n + m)) for m in range(10)], 10 * n) for n in range(4)),
        batch([Sent(event()), Sent(None)], 40),
    )
    exploded: list[int] = []
    explode = RecordBatch.explode

    def noted(self: RecordBatch) -> list[Any]:
        exploded.append(self.base_offset)
        return explode(self)

    monkeypatch.setattr(RecordBatch, "explode", noted)
    decoded = decoder().decode(chunk(parts))
    assert decoded.frame["_offset"].to_list() == list(range(41))
    assert set(exploded) == {40}


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    cut=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    poison=st.booleans(),
)
def test_a_chunk_ends_where_it_is_told_to(
    sizes: list[int], cut: tuple[int, int], poison: bool
) -> None:
    parts, base = [], 0
    for size in sizes:
        records = [Sent(event(base + number)) for number in range(size)]
        parts.append(batch(records, base=base))
        base += size
    if poison:
        parts.append(batch([Sent(b"poison")], base=base))
        base += 1
    start, end = min(*cut, base - 1), max(*cut)
    inside = [
        one for one in batches(*parts) if one.base_offset < max(end, 1) and one.next_offset > start
    ]
    whole = Chunk.of_batches(ENGAGEMENT.name, 3, inside, start, end)

    wanted = list(range(start, min(end, base)))
    assert len(whole) == len(wanted)
    assert list(whole.offsets) == wanted
    if wanted:
        assert whole.last_offset == wanted[-1]
        decoded = assert_same(whole)
        good = [offset for offset in wanted if not (poison and offset == base - 1)]
        assert decoded.frame["_offset"].to_list() == good
