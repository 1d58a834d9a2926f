"""The distinct keys of a chunk, and which of them each event has."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from streams.columnar.fold import ROW, numbered


@given(st.lists(st.text(max_size=2) | st.just("a key of more than twelve bytes"), min_size=1))
def test_keys_are_numbered_in_the_order_in_which_they_come(keys: list[str]) -> None:
    distinct, events = numbered(pl.DataFrame({"key": keys}, schema={"key": pl.String}), "key")
    assert distinct.to_list() == list(dict.fromkeys(keys))
    assert events.schema == {"key": pl.String, ROW: pl.UInt32}
    assert [distinct[row] for row in events[ROW]] == events["key"].to_list() == keys
