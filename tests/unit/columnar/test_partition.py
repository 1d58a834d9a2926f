"""A partition's state is the same for any chunking, any replay and any poison in between."""

from __future__ import annotations

import datetime as dt
import io
import itertools
from typing import Any

import fastavro
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import ENGAGEMENT
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.wire import prefix
from streams.columnar.duplicates import DuplicateWindow
from streams.columnar.fold import Folded
from streams.columnar.partition import APPLIED, Partition
from streams.columnar.state.table import KeyedTable
from tests.unit.schemas.fake_registry import FakeRegistry

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
NOW_MS = int(NOW.timestamp() * 1000)
DECODER = FrameDecoder(
    FakeRegistry({1: ENGAGEMENT.schema}), ENGAGEMENT, ("video_id", "event_id", "kind")
)
PARSED = fastavro.parse_schema(ENGAGEMENT.schema, named_schemas={})


class CountingFold:
    """Counts views and collects channels; refuses a video that is called poison."""

    state = pl.Schema({"video_id": pl.String(), "views": pl.Int64()})
    columns = ("kind",)
    refused = "poison"

    def __call__(self, rows: pl.DataFrame, events: pl.DataFrame) -> Folded:
        if self.refused in events["video_id"]:
            raise ArithmeticError("poison")
        added = events.group_by("video_id").agg(pl.len().cast(pl.Int64).alias("views"))
        return Folded(pl.concat([rows, added]).group_by("video_id").agg(pl.col("views").sum()))

    def render(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows


def value(number: int, video: str) -> bytes:
    stream = io.BytesIO()
    stream.write(prefix(1))
    event = {
        "event_id": f"e{number}",
        "occurred_at": NOW,
        "video_id": video,
        "channel_id": "c",
        "viewer_id": "u",
        "kind": "view",
    }
    fastavro.schemaless_writer(stream, PARSED, event)
    return stream.getvalue()


def partition(fold_from: int = 0, horizon: int = 10, rows: pl.DataFrame | None = None) -> Partition:
    schema = pl.Schema({**CountingFold.state, APPLIED: pl.Int64()})
    table = KeyedTable(schema, "video_id")
    highest = -1
    if rows is not None:
        table.put(rows, changed=False)
        highest = max(rows[APPLIED].to_list(), default=-1)
    return Partition(
        name="counting",
        topic=ENGAGEMENT,
        fold=CountingFold(),
        table=table,
        duplicates=DuplicateWindow(horizon),
        fold_from=fold_from,
        next_offset=max(0, fold_from - horizon),
        restored_offset=highest,
    )


def chunk(values: list[bytes | None], first: int) -> Chunk:
    count = len(values)
    return Chunk(
        ENGAGEMENT.name,
        0,
        range(first, first + count),
        [NOW_MS] * count,
        [b"k"] * count,
        values,
        [()] * count,
    )


def process(part: Partition, records: Chunk) -> None:
    part.process(records, DECODER.decode(records))


def state_of(part: Partition) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in part.table.all().iter_rows()}


# Each event: (identity, video); an identity that comes again is a duplicate.
logs = st.lists(st.tuples(st.integers(0, 25), st.sampled_from("abcd")), min_size=1, max_size=60)


def feed(part: Partition, log: list[bytes | None], cuts: list[int], first: int = 0) -> None:
    edges = sorted({first, *(c for c in cuts if first < c < len(log)), len(log)})
    for start, end in itertools.pairwise(edges):
        process(part, chunk(log[start:end], start))


@given(logs, st.lists(st.integers(1, 60), max_size=8))
def test_chunk_boundaries_do_not_matter(log: list[tuple[int, str]], cuts: list[int]) -> None:
    values: list[bytes | None] = [value(n, f"{video}{n}") for n, video in log]
    whole, cut = partition(), partition()
    feed(whole, values, [])
    feed(cut, values, cuts)
    assert state_of(whole) == state_of(cut)


@given(logs, st.integers(0, 60), st.integers(0, 60), st.lists(st.integers(1, 60), max_size=5))
def test_a_crash_between_flush_and_commit_changes_nothing(
    log: list[tuple[int, str]], flushed: int, committed: int, cuts: list[int]
) -> None:
    """Rows stand at one offset, the commit at an earlier one: the guard closes the gap."""
    flushed = min(flushed, len(log))
    committed = min(committed, flushed)
    values: list[bytes | None] = [value(n, f"{video}{n}") for n, video in log]
    whole, before = partition(), partition()
    feed(whole, values, cuts)
    feed(before, values[:flushed], cuts)
    rows = before.table.all()
    after = partition(fold_from=committed, rows=rows)
    feed(after, values, cuts, first=after.next_offset)
    assert state_of(after) == state_of(whole)


@given(logs, st.data())
def test_a_flush_that_was_cut_off_in_the_middle_changes_nothing(
    log: list[tuple[int, str]], data: st.DataObject
) -> None:
    """Of the changed rows only some were written: every key stands at an offset of its own."""
    values: list[bytes | None] = [value(n, f"{video}{n}") for n, video in log]
    half = len(values) // 2
    whole, early, late = partition(), partition(), partition()
    feed(whole, values, [])
    feed(early, values[:half], [])
    feed(late, values, [])
    old, new = early.table.all(), late.table.all()
    written = data.draw(st.sets(st.sampled_from(new["video_id"].to_list())))
    mixed = pl.concat(
        [
            new.filter(pl.col("video_id").is_in(list(written))),
            old.filter(~pl.col("video_id").is_in(list(written))),
        ]
    )
    after = partition(fold_from=half, rows=mixed)
    feed(after, values, [], first=after.next_offset)
    assert state_of(after) == state_of(whole)


def test_what_was_processed_is_not_processed_again() -> None:
    part = partition()
    values: list[bytes | None] = [value(n, "v") for n in range(4)]
    process(part, chunk(values, 0))
    process(part, chunk(values, 0))
    process(part, chunk([*values[2:], value(4, "v")], 2))
    assert state_of(part) == {"v": (5, 4)}


def test_poison_bytes_become_dead_letters_and_the_rest_counts() -> None:
    part = partition()
    process(part, chunk([b"no avro", value(1, "v"), None, value(3, "v"), prefix(9)], 0))
    box = part.take_outbox()
    assert state_of(part) == {"v": (2, 3)}
    assert [letter.key for letter in box.letters] == [
        b"engagement.events.v1/0/0",
        b"engagement.events.v1/0/4",
    ]
    assert box.letters[0].value == b"no avro"
    assert box.next_offset == 5


def test_an_event_that_the_fold_refuses_becomes_a_dead_letter_and_the_rest_counts() -> None:
    part = partition()
    videos = ["v", "v", "poison", "w", "v", "poison"]
    process(part, chunk([value(n, video) for n, video in enumerate(videos)], 0))
    box = part.take_outbox()
    assert {key: views for key, (views, _) in state_of(part).items()} == {"v": 3, "w": 1}
    assert [letter.key[-1:] for letter in box.letters] == [b"2", b"5"]
    assert "poison" in dict(box.letters[0].headers)["groundswell.dlq.reason"].decode()  # type: ignore[union-attr]


@pytest.mark.parametrize("first", [0, 3])
def test_gaps_in_the_offsets_are_no_loss(first: int) -> None:
    part = partition()
    process(part, chunk([value(0, "v")], first))
    process(part, chunk([value(1, "v")], first + 40))
    assert state_of(part) == {"v": (2, first + 40)}
    assert part.next_offset == first + 41


def test_an_outbox_holds_the_newest_row_of_each_changed_key_once() -> None:
    part = partition()
    process(part, chunk([value(0, "v"), value(1, "w")], 0))
    process(part, chunk([value(2, "v")], 2))
    assert dict(part.take_outbox().rows.select("video_id", "views").iter_rows()) == {"v": 2, "w": 1}
    process(part, chunk([value(3, "w")], 3))
    assert dict(part.take_outbox().rows.select("video_id", "views").iter_rows()) == {"w": 2}
    assert part.pending == 0
