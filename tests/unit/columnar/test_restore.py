"""Which rows of the output topic are the state."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.columnar import restore
from streams.columnar.partition import APPLIED

SCHEMA = pl.Schema({"key": pl.String(), "total": pl.Int64(), APPLIED: pl.Int64()})

# A row's total follows from its key and applied offset, as a fold's does.
rows = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 9)), max_size=60)


def frame(part: list[tuple[str, int]]) -> pl.DataFrame:
    return pl.DataFrame([(k, 100 * a, a) for k, a in part], schema=SCHEMA, orient="row")


@given(rows, st.integers(1, 7))
def test_the_highest_applied_offset_wins_wherever_it_stands(
    log: list[tuple[str, int]], size: int
) -> None:
    expected: dict[str, int] = {}
    last: dict[str, int] = {}
    for key, applied in log:
        expected[key] = max(expected.get(key, -1), applied)
        last[key] = applied
    overtaken = {key for key, applied in last.items() if applied < expected[key]}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(restore, "_SPARE_ROWS", 5)
        newest = restore._Newest("key", SCHEMA)
        for at in range(0, len(log), size):
            newest.add(frame(log[at : at + size]))
        found, written_over = newest.result()
    assert sorted(found.rows()) == [(k, 100 * a, a) for k, a in sorted(expected.items())]
    assert set(written_over["key"]) == overtaken
    assert found.schema == SCHEMA
