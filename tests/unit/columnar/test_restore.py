"""Which rows of the output topic are the state."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.columnar.partition import APPLIED
from streams.columnar.restore import Newest
from streams.columnar.state import quiet
from streams.columnar.state.quiet import Parking
from streams.columnar.state.table import KeyedTable

SCHEMA = pl.Schema({"key": pl.String(), "total": pl.Int64(), APPLIED: pl.Int64()})
TIMED = {**SCHEMA, "_timestamp": pl.Datetime("us", "UTC")}

# Key, applied offset and the record's time. A row's total follows from its key and applied offset,
# as a fold's does.
rows = st.lists(
    st.tuples(st.sampled_from("abcde"), st.integers(0, 9), st.integers(0, 40)), max_size=60
)


def frame(part: list[tuple[str, int, int]]) -> pl.DataFrame:
    columns = [(k, 100 * a, a, 1000 * time) for k, a, time in part]
    return pl.DataFrame(columns, schema=TIMED, orient="row")


@pytest.mark.parametrize("parks", [False, True])
@given(log=rows, size=st.integers(1, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_highest_applied_offset_wins_wherever_it_stands(
    parks: bool, tmp_path: Path, log: list[tuple[str, int, int]], size: int
) -> None:
    expected: dict[str, int] = {}
    last: dict[str, int] = {}
    for key, applied, _ in log:
        expected[key] = max(expected.get(key, -1), applied)
        last[key] = applied
    overtaken = {key for key, applied in last.items() if applied < expected[key]}
    table = KeyedTable(SCHEMA, "key", Parking(5, tmp_path) if parks else None)
    newest = Newest(table, "key")
    for at in range(0, len(log), size):
        newest.add(frame(log[at : at + size]))
    assert sorted(table.all().rows()) == [(k, 100 * a, a) for k, a in sorted(expected.items())]
    assert newest.overtaken == overtaken
    assert newest.highest == max(expected.values(), default=-1)
    assert table.changed_rows == 0
    table.close()


def test_what_is_quiet_is_parked_while_the_log_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest time is known beforehand: memory never holds many that are not alive."""
    monkeypatch.setattr(quiet, "_MANY", 1)
    table = KeyedTable(SCHEMA, "key", Parking(10, tmp_path))
    table.reach(100)
    newest = Newest(table, "key")
    newest.add(frame([("old", 1, 3), ("alive", 2, 95)]))
    assert table.parked_rows == 1
    newest.add(frame([("old", 4, 6), ("new", 5, 99)]))
    assert (len(table), table.parked_rows) == (3, 1)
    assert table.take(["old"])[APPLIED].to_list() == [4]
    assert table.parked_rows == 0
    table.close()
