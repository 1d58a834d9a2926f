"""Whatever happens to workers, partitions and flushes: the state is a function of the log alone.

The log, the output topic and the group's offsets are lists here; everything between them is the
runtime's: decoding, duplicates, guard, fold, table, restore, and writing again behind late rows.
"""

from __future__ import annotations

import datetime as dt
import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastavro
import polars as pl
import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import ENGAGEMENT
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.wire import prefix
from streams.columnar.duplicates import DuplicateWindow
from streams.columnar.partition import APPLIED, Partition
from streams.columnar.restore import Newest
from streams.columnar.state.quiet import Parking
from streams.columnar.state.table import KeyedTable
from streams.virality.fold import ViralityFold
from tests.unit.schemas.fake_registry import FakeRegistry

FOLD = ViralityFold()
SCHEMA = pl.Schema({**FOLD.state, APPLIED: pl.Int64()})
LOGGED = pl.Schema({**SCHEMA, "_offset": pl.Int64()})
HORIZON = 6
START = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
VIDEOS = [f"v{n}" for n in range(8)]
COUNTED = {"view": ("views", 1), "like": ("likes", 1), "unlike": ("likes", -1)}
HOURS = {"views_1h": 1, "views_6h": 6, "views_24h": 24, "views_7d": 168}
# Producers of two ages write side by side.
FIELDS = ENGAGEMENT.schema["fields"]
WRITERS = {1: ENGAGEMENT.schema, 2: {**ENGAGEMENT.schema, "fields": FIELDS[8::-1]}}
PARSED = {ref: fastavro.parse_schema(schema, named_schemas={}) for ref, schema in WRITERS.items()}
REGISTRY = FakeRegistry(WRITERS)
DECODER = FrameDecoder(REGISTRY, ENGAGEMENT, ("video_id", "event_id", *FOLD.columns[1:]))

Event = tuple[int, str, str, int]  # identity, video, kind, minutes after START
POISON = (-1, "", "", 0)
TOMBSTONE = (-2, "", "", 0)

events = st.tuples(
    st.integers(0, 30),
    st.sampled_from(VIDEOS),
    st.sampled_from(sorted(COUNTED)),
    st.integers(0, 40_000),
)
numbers = st.integers(0, 2)
ALL = 1_000
sizes = st.sampled_from([0, 1, 4, 15, ALL])
written = st.integers(0, 5)
some_events = st.lists(events, min_size=1, max_size=12)
happenings = st.one_of(
    st.tuples(st.just("publish"), some_events),
    st.tuples(
        st.just("publish_where_its_key_may_not_belong"),
        numbers,
        events | st.sampled_from([POISON, TOMBSTONE]),
        st.integers(0, 4),
    ),
    st.tuples(st.just("fold"), numbers, sizes, st.integers(0, 3)),
    st.tuples(st.just("flush"), numbers, sizes, st.booleans()),
    st.tuples(st.just("die_in_a_flush"), numbers, sizes, written),
    st.tuples(st.just("forget_the_commit"), numbers, st.integers(0, 200)),
    st.tuples(st.just("hand_over"), numbers),
    st.tuples(st.just("fall_asleep"), numbers, some_events, sizes, some_events, sizes),
    st.tuples(st.just("wake"), numbers, sizes, written, st.booleans()),
    st.tuples(st.just("write_late"), numbers, some_events, some_events, st.booleans()),
    st.tuples(st.just("compact"), numbers),
)


def encoded(event: Event) -> bytes | None:
    if event in (POISON, TOMBSTONE):
        return b"poison" if event == POISON else None
    identity, video, kind, minutes = event
    body = io.BytesIO()
    record = {
        "event_id": f"e{identity}",
        "occurred_at": START + dt.timedelta(minutes=minutes),
        "video_id": video,
        "channel_id": "c",
        "viewer_id": "u",
        "kind": kind,
        "watch_ms": identity,
    }
    writer = 1 + minutes % 2
    fastavro.schemaless_writer(body, PARSED[writer], record)
    return prefix(writer) + body.getvalue()


def log_ms(offset: int) -> int:
    """The log's time: a second for each offset, and never before an event."""
    return int(START.timestamp() * 1000) + 10**10 + 1_000 * offset


@dataclass
class Owner:
    """A worker as far as one partition goes."""

    part: Partition
    looked_up_to: int  # of the output


@dataclass
class Log:
    """A partition of the input, of the output, and of the group's offsets."""

    number: int
    records: list[tuple[int, Event]] = field(default_factory=list)
    end: int = 0
    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LOGGED))
    rows_end: int = 0
    committed: int = 0
    owner: Owner = field(init=False)
    zombies: list[Owner] = field(default_factory=list)

    def write(self, rows: pl.DataFrame) -> None:
        offsets = pl.int_range(self.rows_end, self.rows_end + rows.height, dtype=pl.Int64)
        rows = rows.select(SCHEMA.names()).with_columns(offsets.alias("_offset"))
        self.rows = pl.concat([self.rows, rows])
        self.rows_end += rows.height

    def last_rows(self) -> pl.DataFrame:
        return self.rows.sort("_offset").unique("video_id", keep="last")


class Cluster:
    """Partitions, and what may happen to them. Each has an owner from the start."""

    def __init__(self, partitions: int, parking: Parking | None) -> None:
        self.parking = parking
        self.logs = [Log(number) for number in range(partitions)]
        for log in self.logs:
            log.owner = self.restored(log)

    def log(self, number: int) -> Log:
        return self.logs[number % len(self.logs)]

    def home(self, video: str) -> Log:
        return self.logs[(murmur2(video.encode()) & 0x7FFFFFFF) % len(self.logs)]

    def append(self, log: Log, event: Event) -> None:
        log.records.append((log.end, event))
        log.end += 1

    def publish(self, published: list[Event]) -> None:
        for event in published:
            self.append(self.home(event[1]), event)

    def publish_where_its_key_may_not_belong(self, log: int, event: Event, gap: int) -> None:
        self.log(log).end += gap  # a transaction's marker, or records that were taken back
        self.append(self.log(log), event)

    def fold(self, log: int, size: int, again: int) -> None:
        self.read(self.log(log), self.log(log).owner, size, again)

    def flush(self, log: int, size: int, commit: bool) -> None:
        self.read(self.log(log), self.log(log).owner, size, 0)
        reached = self.flushed(self.log(log), self.log(log).owner)
        if commit:
            self.log(log).committed = reached

    def die_in_a_flush(self, log: int, size: int, written: int) -> None:
        """Some of the rows are out, in their order, and the group's offset is the old one."""
        self.read(self.log(log), self.log(log).owner, size, 0)
        self.log(log).write(self.log(log).owner.part.take_outbox().rows[:written])
        self.log(log).owner = self.restored(self.log(log))

    def forget_the_commit(self, log: int, committed: int) -> None:
        """The group's offset is anything up to the right one when somebody takes over."""
        self.log(log).committed = min(committed, self.log(log).committed)
        self.log(log).owner = self.restored(self.log(log))

    def hand_over(self, log: int) -> None:
        self.log(log).committed = self.flushed(self.log(log), self.log(log).owner)
        self.log(log).owner = self.restored(self.log(log))

    def fall_asleep(
        self, log: int, published: list[Event], size: int, later: list[Event], further: int
    ) -> None:
        """With rows in hand, while somebody else takes over and gets ahead, or not so far."""
        self.publish(published)
        self.read(self.log(log), self.log(log).owner, size, 0)
        self.log(log).zombies.append(self.log(log).owner)
        self.log(log).owner = self.restored(self.log(log))
        self.publish(later)
        self.flush(log, further, True)

    def wake(self, log: int, size: int, written: int, restored: bool) -> None:
        """A zombie goes on for a moment: it folds, and writes some of its rows. Then it is gone.

        The owner finds out, or one who takes over from it.
        """
        if self.log(log).zombies:
            zombie = self.log(log).zombies.pop()
            self.read(self.log(log), zombie, size, 0)
            self.log(log).write(zombie.part.take_outbox().rows[:written])
        if restored:
            self.log(log).owner = self.restored(self.log(log))

    def write_late(
        self, log: int, published: list[Event], later: list[Event], restored: bool
    ) -> None:
        """What a worker has in hand comes in behind the rows of one that is further."""
        self.fall_asleep(log, published, ALL, later, ALL)
        self.wake(log, 0, ALL, restored)

    def compact(self, log: int) -> None:
        """Late rows are younger than the compaction lag until their owner has looked."""
        self.flush(log, 0, True)
        self.log(log).rows = self.log(log).last_rows()

    def read(self, log: Log, owner: Owner, size: int, again: int) -> None:
        start = owner.part.next_offset
        before = [record for record in log.records if record[0] < start]
        after = [record for record in log.records if record[0] >= start]
        records = before[len(before) - again :] + after[:size]
        if not records:
            return
        chunk = Chunk(
            ENGAGEMENT.name,
            log.number,
            [offset for offset, _ in records],
            [log_ms(offset) for offset, _ in records],
            [b"k"] * len(records),
            [encoded(event) for _, event in records],
            [()] * len(records),
        )
        owner.part.process(chunk, DECODER.decode(chunk))

    def flushed(self, log: Log, owner: Owner) -> int:
        """As `FoldingHandler.flush`: what is returned may be committed."""
        again = 1
        while again:
            box = owner.part.take_outbox()
            others = log.rows_end > owner.looked_up_to
            log.write(box.rows)
            again = 0
            if others:
                seen = log.rows.filter(pl.col("_offset") >= owner.looked_up_to).sort("_offset")
                again = owner.part.write_again(seen.unique("video_id", keep="last"))
            owner.part.acknowledged()
            owner.looked_up_to = log.rows_end
        return box.next_offset

    def restored(self, log: Log) -> Owner:
        table = KeyedTable(SCHEMA, "video_id", self.parking)
        table.reach(log_ms(log.end))
        newest = Newest(table, "video_id")
        for at in range(0, log.rows.height, 7):
            written = pl.col(APPLIED).map_elements(log_ms, pl.Int64).cast(pl.Datetime("ms", "UTC"))
            rows = log.rows[at : at + 7].with_columns(
                written.dt.cast_time_unit("us").alias("_timestamp")
            )
            newest.add(rows)
        table.put(table.take(sorted(newest.overtaken)))
        part = Partition(
            name="virality",
            topic=ENGAGEMENT,
            fold=FOLD,
            table=table,
            duplicates=DuplicateWindow(HORIZON),
            fold_from=log.committed,
            next_offset=max(0, log.committed - HORIZON),
            restored_offset=newest.highest,
            partitions=len(self.logs),
        )
        return Owner(part, log.rows_end)

    def end(self) -> None:
        """Everything is read and flushed; what compaction would keep is right."""
        for log in self.logs:
            self.read(log, log.owner, ALL, 0)
            self.flushed(log, log.owner)
            found = {row["video_id"]: row for row in log.last_rows().iter_rows(named=True)}
            assert_equal(found, self.definition(log))

    def definition(self, log: Log) -> dict[str, dict[str, Any]]:
        """Every event once, unless its id came within the horizon before in the same partition."""
        counted: dict[str, list[tuple[int, Event]]] = {}
        seen: dict[int, int] = {}
        for offset, event in log.records:
            identity, video, _, _ = event
            if event in (POISON, TOMBSTONE):
                continue
            before, seen[identity] = seen.get(identity), offset
            fresh = before is None or offset - before > HORIZON
            if fresh:
                counted.setdefault(video, []).append((offset, event))
        return {video: summed(mine) for video, mine in counted.items()}


def summed(mine: list[tuple[int, Event]]) -> dict[str, Any]:
    as_of = max(minutes for _, (_, _, _, minutes) in mine)
    row: dict[str, Any] = {
        "views": 0,
        "likes": 0,
        "watch_ms": sum(identity for _, (identity, *_) in mine),
        "as_of": START + dt.timedelta(minutes=as_of),
        APPLIED: mine[-1][0],
        **dict.fromkeys(HOURS, 0.0),
    }
    for _, (_, _, kind, minutes) in mine:
        name, step = COUNTED[kind]
        row[name] += step
        for decayed, hours in HOURS.items() if kind == "view" else ():
            row[decayed] += math.exp((minutes - as_of) / 60 / hours)
    return row


def assert_equal(found: dict[str, dict[str, Any]], expected: dict[str, dict[str, Any]]) -> None:
    assert found.keys() == expected.keys()
    for video, row in expected.items():
        for name, value in row.items():
            have = found[video][name]
            if isinstance(value, float):
                assert math.isclose(have, value, rel_tol=1e-9, abs_tol=1e-12), (video, name)
            else:
                assert have == value, (video, name, have, value)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parked")


@given(
    st.integers(1, 3),
    st.sampled_from([None, 1_000, 10_000]),
    st.lists(events, min_size=5, max_size=40),
    st.lists(happenings, min_size=10, max_size=40),
)
def test_any_history_of_faults_ends_in_what_the_log_says(
    scratch: Path,
    partitions: int,
    parked_after_ms: int | None,
    published: list[Event],
    history: list[tuple[Any, ...]],
) -> None:
    parking = None if parked_after_ms is None else Parking(parked_after_ms, scratch)
    cluster = Cluster(partitions, parking)
    cluster.publish(published)
    for what, *facts in history:
        getattr(cluster, what)(*facts)
    cluster.end()
