"""State of a partition: the newest row of a key wins, and a flush takes what has changed."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from streams.columnar.table import KeyedTable

SCHEMA = pl.Schema({"key": pl.String(), "value": pl.Int64()})


def rows(values: dict[str, int]) -> pl.DataFrame:
    return pl.DataFrame({"key": list(values), "value": list(values.values())}, schema=SCHEMA)


def as_dict(frame: pl.DataFrame) -> dict[str, int]:
    assert frame["key"].is_unique().all()
    return dict(frame.iter_rows())


writes = st.lists(
    st.dictionaries(st.sampled_from([f"k{n}" for n in range(12)]), st.integers(0, 99)), max_size=60
)


@given(writes, st.sets(st.integers(0, 60)))
def test_it_behaves_like_a_dict_whose_flush_takes_the_changed_keys(
    batches: list[dict[str, int]], flushes: set[int]
) -> None:
    table, model, changed = KeyedTable(SCHEMA, "key"), {}, {}
    for at, batch in enumerate(batches):
        table.put(rows(batch))
        model |= batch
        changed |= batch
        if at in flushes:
            assert as_dict(table.take_changed()) == changed
            changed = {}
    assert len(table) == len(model)
    assert as_dict(table.all()) == model
    assert as_dict(table.take_changed()) == changed
    some = [f"k{n}" for n in range(0, 15, 2)]
    assert table.take(some).rows() == [(key, model.get(key)) for key in some]


def test_restored_rows_are_not_flushed_again() -> None:
    table = KeyedTable(SCHEMA, "key")
    for number in range(30):
        table.put(rows({"a": number, f"b{number}": number}), changed=False)
    assert table.changed_rows == 0
    assert table.take_changed().is_empty()
    assert as_dict(table.take(["a"])) == {"a": 29}


def test_rows_of_any_type_are_kept() -> None:
    schema = pl.Schema({"key": pl.String(), "parts": pl.List(pl.Struct({"n": pl.Int32()}))})
    table = KeyedTable(schema, "key")
    table.put(pl.DataFrame({"key": ["a"], "parts": [[{"n": 1}]]}, schema=schema))
    table.put(pl.DataFrame({"key": ["b"], "parts": [[]]}, schema=schema))
    assert table.all().sort("key")["parts"].to_list() == [[{"n": 1}], []]


def test_bytes_outlive_the_chunks_they_came_in() -> None:
    schema = pl.Schema({"key": pl.String(), "bytes": pl.Binary()})
    table, model = KeyedTable(schema, "key"), {}
    for number in range(60):
        batch = {f"k{number}": b"\xff" * number, f"k{number // 2}": bytes(2_000), "null": None}
        table.put(pl.DataFrame({"key": list(batch), "bytes": list(batch.values())}, schema=schema))
        table.take_changed()
        model |= batch
    assert dict(table.all().iter_rows()) == model
