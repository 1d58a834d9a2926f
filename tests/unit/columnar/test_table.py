"""State of a partition: a dict of rows, of which a flush takes what has changed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streams.columnar.state.quiet import Parking
from streams.columnar.state.slots import Hashing, hashes_of
from streams.columnar.state.table import KeyedTable
from tests.unit.columnar.rows import KEY, SCHEMA, Row, contents, frame, rows_of

KEYS = [f"k{n}" for n in range(12)] + [
    "a key of more than twelve bytes",
    "another such key",
    "",
    "ü",
]
keys = st.sampled_from(KEYS)


def all_alike(keys: pl.Series) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return np.full(len(keys), 7, dtype=np.uint64)


def like_a_mark(keys: pl.Series) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Two hashes, both with the tag of the index's own marks."""
    return np.uint64((1 << 64) - 1) - (hashes_of(keys) & np.uint64(1))


AFTER = 4


class Table(RuleBasedStateMachine):
    """A table beside a dict; its rows may be parked, which nobody sees."""

    @initialize(hashing=st.sampled_from([hashes_of, all_alike, like_a_mark]), parking=st.booleans())
    def begin(self, hashing: Hashing, parking: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        where = Parking(AFTER, Path(self.folder.name)) if parking else None
        self.table = KeyedTable(SCHEMA, KEY, where, hashing=hashing)
        self.rows: dict[str, Row] = {}
        self.changed: set[str] = set()
        self.sent: set[str] = set()
        self.parks = parking
        self.parked: set[str] = set()
        self.last: list[str] = []
        self.seen: dict[str, int] = {}
        self.now = self.looked = 0

    @rule(rows=rows_of(keys), changed=st.booleans(), passed=st.integers(-6, 6))
    def put(self, rows: dict[str, Row], changed: bool, passed: int = 0) -> None:
        self.now = max(0, self.now + passed)
        self.table.put(frame(rows), changed=changed, at=self.now)
        self.rows |= rows
        self.changed |= rows.keys() if changed else set()
        self.returned(rows)

    @rule(rows=rows_of(keys), ages=st.data())
    def restore(self, rows: dict[str, Row], ages: st.DataObject) -> None:
        """Rows of known times, of which the last is now."""
        times = ages.draw(st.lists(st.integers(0, 20), min_size=len(rows), max_size=len(rows)))
        self.table.put(frame(rows), changed=False, at=np.array(times, dtype=np.int64))
        self.now = max([self.now, *times])
        self.rows |= rows
        self.returned(rows)
        self.seen |= dict(zip(rows, times, strict=True))

    @rule(rows=rows_of(keys))
    def fold(self, rows: dict[str, Row]) -> None:
        """What a partition does with a chunk: take rows, put the same keys back changed."""
        self.take(list(rows))
        self.put(rows, changed=True)

    @rule(wanted=st.lists(keys, unique=True))
    def take(self, wanted: list[str]) -> None:
        self.last = wanted
        taken = self.table.take(wanted)
        assert taken[KEY].to_list() == wanted
        nothing = (None,) * (len(SCHEMA) - 1)
        assert contents(taken) == {key: self.rows.get(key, nothing) for key in wanted}
        self.returned([key for key in wanted if key in self.parked])

    @rule()
    def flush(self) -> None:
        taken = contents(self.table.take_changed())
        assert taken == {key: self.rows[key] for key in self.changed}
        self.sent |= self.changed
        self.changed = set()

    @rule()
    def acknowledge(self) -> None:
        self.table.acknowledged()
        self.sent = set()

    @rule()
    def park(self) -> None:
        """Neither what the broker may not have, nor what had an event of late."""
        quiet = set()
        if self.now != self.looked and self.parks:
            self.looked = self.now
            self.seen = {key: min(time, self.now) for key, time in self.seen.items()}
            quiet = {key for key, time in self.seen.items() if time < self.now - AFTER}
        quiet -= self.changed | self.sent | self.parked
        assert self.table.park() == len(quiet)
        self.parked |= quiet

    @rule(alone=keys, values=rows_of(st.just("alone"), least=1))
    def fall_quiet(self, alone: str, values: dict[str, Row]) -> None:
        """Everything is flushed, and then only one key has events for long."""
        self.flush()
        self.acknowledge()
        self.put({alone: values["alone"]}, changed=True, passed=AFTER + 2)
        self.take(self.last)
        self.park()
        self.take(self.last)

    @rule()
    def look_at_everything(self) -> None:
        assert contents(self.table.all()) == self.rows

    @invariant()
    def counts(self) -> None:
        assert len(self.table) == len(self.rows)
        assert self.table.changed_rows == len(self.changed)
        assert self.table.parked_rows == len(self.parked)

    def returned(self, keys: Iterable[str]) -> None:
        self.parked.difference_update(keys)
        self.seen |= dict.fromkeys(keys, self.now)

    def teardown(self) -> None:
        self.table.close()
        assert list(Path(self.folder.name).iterdir()) == []
        self.folder.cleanup()


TestTable = Table.TestCase
TestTable.settings = settings(stateful_step_count=40, deadline=None)


def numbers(values: dict[str, int]) -> pl.DataFrame:
    schema = pl.Schema({"key": pl.String(), "value": pl.Int64(), "text": pl.String()})
    texts = [f"the text of value {value}" for value in values.values()]
    return pl.DataFrame([list(values), list(values.values()), texts], schema=schema)


@pytest.mark.parametrize("seed", [1, 2])
def test_many_keys_are_kept_through_every_growth_and_merge(seed: int) -> None:
    """More keys and rewrites than any part of the table holds without moving."""
    rng = np.random.default_rng(seed)
    table = KeyedTable(numbers({}).schema, "key")
    model: dict[str, int] = {}
    for _ in range(20):
        chosen = rng.integers(0, 60_000, 20_000).tolist()
        rows = {f"key {n} of many": int(rng.integers(0, 99)) for n in chosen}
        taken = table.take(list(rows))
        assert taken["value"].to_list() == [model.get(key) for key in rows]
        table.put(numbers(rows))
        model |= rows
    assert table.all().sort("key").equals(numbers(dict(sorted(model.items()))))


def test_restored_rows_are_not_flushed_again() -> None:
    table = KeyedTable(numbers({}).schema, "key")
    for number in range(30):
        table.put(numbers({"a": number, f"b{number}": number}), changed=False)
    assert table.changed_rows == 0
    assert table.take_changed().is_empty()
    assert table.take(["a"])["value"].to_list() == [29]


def test_a_new_key_that_comes_twice_is_refused() -> None:
    table = KeyedTable(numbers({}).schema, "key")
    with pytest.raises(ValueError, match="twice"):
        table.put(pl.concat([numbers({"a": 1}), numbers({"a": 2})]))


def test_a_float_comes_back_bit_by_bit() -> None:
    odd = np.array([0x7FF8000000000123, 0x8000000000000000, 0xFFF0000000000000], dtype=np.uint64)
    rows = pl.DataFrame({"key": ["a", "b", "c"], "value": pl.Series(odd.view(np.float64))})
    table = KeyedTable(rows.schema, "key")
    table.put(rows)
    found = table.take(["a", "b", "c"])["value"].to_numpy()
    assert found.view(np.uint64).tolist() == odd.tolist()


def test_bytes_outlive_the_chunks_they_came_in() -> None:
    schema = pl.Schema({"key": pl.String(), "bytes": pl.Binary()})
    table, model = KeyedTable(schema, "key"), {}
    for number in range(60):
        batch = {f"k{number}": b"\xff" * number, f"k{number // 2}": bytes(2_000), "null": None}
        table.put(pl.DataFrame({"key": list(batch), "bytes": list(batch.values())}, schema=schema))
        table.take_changed()
        model |= batch
    assert dict(table.all().iter_rows()) == model
