"""Parking changes where a row stands, and nothing else."""

from __future__ import annotations

import datetime as dt
import errno
import os
import random
import stat
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.avro_types import frame_schema
from schemas.catalogue import ENGAGEMENT
from schemas.chunks import Chunk
from schemas.frames import COORDINATES, Decoded
from streams.columnar.duplicates import DuplicateWindow
from streams.columnar.partition import APPLIED, Partition, log_time
from streams.columnar.state.parked import ParkedRows
from streams.columnar.state.quiet import LastSeen, Parking
from streams.columnar.state.segment import ScratchFile
from streams.columnar.state.slots import hashes_of
from streams.columnar.state.table import KeyedTable
from streams.virality.fold import ViralityFold

HOUR = 3_600_000  # milliseconds
WIRE = frame_schema(ENGAGEMENT.schema)
EVENTS = pl.Schema(
    {name: WIRE[name] for name in dict.fromkeys(("event_id", *ViralityFold.columns))}
)
STATE = pl.Schema({**ViralityFold.state, APPLIED: pl.Int64()})
NUMBERS = pl.Schema({"key": pl.String(), "value": pl.Int64(), "text": pl.String()})


def numbers(values: dict[str, int]) -> pl.DataFrame:
    texts = [f"the text of value {value}" for value in values.values()]
    return pl.DataFrame([list(values), list(values.values()), texts], schema=NUMBERS)


def partition(parking: Parking | None) -> Partition:
    return Partition(
        name="virality",
        topic=ENGAGEMENT,
        fold=ViralityFold(),
        table=KeyedTable(STATE, "video_id", parking),
        duplicates=DuplicateWindow(50),
        fold_from=0,
        next_offset=0,
    )


def chunk(events: list[dict[str, Any]], first: int, hour: int) -> tuple[Chunk, Decoded]:
    """Events of which the broker says that they came in that hour."""
    count = len(events)
    where = [{"_partition": 0, "_offset": first + n} for n in range(count)]
    rows = [event | place for event, place in zip(events, where, strict=True)]
    frame = pl.DataFrame(rows, schema={**EVENTS, **COORDINATES}).with_columns(
        pl.lit(hour * HOUR * 1000).cast(COORDINATES["_timestamp"]).alias("_timestamp")
    )
    records = Chunk(
        ENGAGEMENT.name,
        0,
        range(first, first + count),
        [hour * HOUR] * count,
        [b"k"] * count,
        [b""] * count,
        [()] * count,
    )
    return records, Decoded(frame, [])


DAY_0 = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
events = st.lists(
    st.fixed_dictionaries(
        {
            "event_id": st.integers(0, 300).map("e{}".format),
            "video_id": st.sampled_from(["a", "b", "c", "d", "a video with a long name"]),
            "channel_id": st.just("c"),
            "viewer_id": st.integers(0, 5).map("u{}".format),
            "occurred_at": st.integers(0, 9_000).map(lambda m: DAY_0 + dt.timedelta(minutes=m)),
            "kind": st.sampled_from(["view", "like", "unlike", "share"]),
            "watch_ms": st.none() | st.integers(0, 10**6),
        }
    ),
    min_size=1,
    max_size=6,
)
# Chunks, and after each: the hours until the next, and whether there is a flush.
logs = st.lists(st.tuples(events, st.integers(-2, 9), st.booleans()), min_size=1, max_size=12)


@given(log=logs)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_fold_gives_the_same_rows_with_and_without_parking(
    tmp_path: Path, log: list[tuple[list[dict[str, Any]], int, bool]]
) -> None:
    parks, keeps = partition(Parking(2 * HOUR, tmp_path)), partition(None)
    first, hour = 0, 100
    for chunk_events, passed, flushes in log:
        for part in (parks, keeps):
            part.process(*chunk(_known(chunk_events), first, hour))
        if flushes:
            boxes = [part.take_outbox() for part in (parks, keeps)]
            sent = [box.rows.sort("video_id") for box in boxes]
            assert sent[0].equals(sent[1])
            parks.acknowledged()
        first, hour = first + len(chunk_events), hour + passed
    assert parks.table.all().sort("video_id").equals(keeps.table.all().sort("video_id"))
    videos = keeps.table.all()["video_id"]
    assert parks.table.take(videos).equals(keeps.table.take(videos))
    parks.table.close()


def test_a_key_is_parked_once_it_is_quiet_and_acknowledged(tmp_path: Path) -> None:
    part = partition(Parking(2 * HOUR, tmp_path))
    event = {"event_id": "1", "video_id": "a", "channel_id": "c", "viewer_id": "u"}
    event |= {"occurred_at": DAY_0, "kind": "view"}
    part.process(*chunk(_known([event]), 0, hour=10))
    part.acknowledged()
    assert part.table.parked_rows == 0  # changed, and nothing of it was sent
    part.take_outbox()
    part.process(*chunk(_known([event | {"event_id": "2", "video_id": "b"}]), 1, hour=20))
    assert part.table.park() == 0  # sent, and nobody knows whether it arrived
    part.process(*chunk(_known([event | {"event_id": "3", "video_id": "b"}]), 2, hour=21))
    part.acknowledged()
    assert part.table.parked_rows == 1
    part.process(*chunk(_known([event | {"event_id": "4"}]), 3, hour=22))
    assert part.table.parked_rows == 0
    views = dict(part.table.all().select("video_id", "views").iter_rows())
    assert views == {"a": 2, "b": 2}
    part.table.close()


def _known(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: record.get(name) for name in EVENTS} for record in records]


def test_a_chunks_time_is_not_that_of_a_few_wrong_clocks() -> None:
    times = [HOUR * 1000] * 700 + [HOUR * 10**6] * 300
    random.Random(1).shuffle(times)
    assert log_time(pl.Series(times).cast(COORDINATES["_timestamp"])) == HOUR


def test_a_time_in_the_future_keeps_no_key_for_ever() -> None:
    seen, nobody = LastSeen(10), np.zeros(1, dtype=np.bool_)
    seen.note(np.array([0]), 1_000_000)
    seen.note(np.empty(0, dtype=np.int64), 50)
    assert seen.quiet(nobody, 9).tolist() == []
    seen.note(np.empty(0, dtype=np.int64), 70)
    assert seen.quiet(nobody, 9).tolist() == [0]


def test_a_full_disk_leaves_the_rows_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    part = partition(Parking(HOUR, tmp_path))
    event = {"event_id": "1", "video_id": "a", "channel_id": "c", "viewer_id": "u"}
    event |= {"occurred_at": DAY_0, "kind": "view"}
    part.process(*chunk(_known([event]), 0, hour=10))
    part.take_outbox()
    part.process(*chunk(_known([event | {"event_id": "2", "video_id": "b"}]), 1, hour=20))
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        part.acknowledged()
    assert (len(part.table), part.table.parked_rows) == (2, 0)
    part.process(*chunk(_known([event | {"event_id": "3", "video_id": "b"}]), 2, hour=21))
    part.acknowledged()
    assert (len(part.table), part.table.parked_rows) == (2, 1)
    part.table.close()


def test_scratch_files_have_no_name_and_are_for_their_owner_alone(tmp_path: Path) -> None:
    file = ScratchFile(tmp_path)
    file.append(b"content")
    opened = file._file
    facts = os.fstat(opened)
    assert stat.S_IMODE(facts.st_mode) == 0o600
    assert (facts.st_nlink, list(tmp_path.iterdir())) == (0, [])
    assert file.read(3, 4) == b"tent"
    with pytest.raises(OSError, match="ends before"):
        file.read(3, 5)
    del file
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened)


def test_a_table_shrinks_when_most_of_it_was_parked(tmp_path: Path) -> None:
    table = KeyedTable(NUMBERS, "key", Parking(10, tmp_path))
    model = {f"key {n} of many": n for n in range(150_000)}
    alive = {f"key {n} of many": -n for n in range(0, 150_000, 50)}
    table.put(numbers(model), changed=False, at=1)
    table.put(numbers(alive), at=100)
    unsent = numbers({"key 7 of many": 1})
    table.take_changed()
    table.put(unsent, at=100)
    table.acknowledged()
    while table.park():
        pass
    model |= alive | {"key 7 of many": 1}
    assert table.parked_rows == 150_000 - len(alive) - 1
    assert table.take_changed().equals(unsent)
    assert table.all().sort("key").equals(numbers(dict(sorted(model.items()))))
    few = list(model)[::1000]
    assert table.take(few).equals(numbers({key: model[key] for key in few}))
    table.close()


def test_parked_rows_come_back_through_every_growth_and_merge(tmp_path: Path) -> None:
    """Rows come and go; files stay few, and space is given back."""
    rng = random.Random(1)
    parked = ParkedRows(NUMBERS, "key", hashes_of, tmp_path)
    model: dict[str, int] = {}
    for turn in range(60):
        rows = {f"key {turn} {n} of many": rng.randrange(99) for n in range(rng.randrange(1, 900))}
        parked.put(numbers(rows))
        model |= rows
        wanted = [*rng.sample(list(model), len(model) // 3), "nobody"]
        at, taken = parked.take(pl.Series(wanted))
        assert [wanted[n] for n in at] == taken["key"].to_list()
        assert dict(taken.select("key", "value").iter_rows()) == {
            key: model.pop(key) for key in wanted if key in model
        }
        parked.tidy()
        assert len(parked) == len(model)
        assert parked.all().sort("key").equals(numbers(dict(sorted(model.items()))))
    assert len(parked._segments) < 15
    on_disk = sum(len(segment) for segment in parked._segments.values())
    assert on_disk < 3 * len(model)
    parked.take(pl.Series(list(model)))
    parked.tidy()
    assert (len(parked), parked._segments) == (0, {})


def test_many_small_segments_become_few(tmp_path: Path) -> None:
    parked = ParkedRows(NUMBERS, "key", hashes_of, tmp_path)
    model = {f"key {n} of many": n for n in range(100)}
    for key, value in model.items():
        parked.put(numbers({key: value}))
        parked.tidy()
    assert len(parked._segments) < 12
    assert parked.all().sort("key").equals(numbers(dict(sorted(model.items()))))
    parked.close()
