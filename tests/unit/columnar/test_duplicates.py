"""A repeated event id counts once within the horizon, wherever chunks end."""

from __future__ import annotations

import itertools

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from streams.columnar.duplicates import DuplicateWindow


def events(ids: list[int], first: int = 0) -> pl.DataFrame:
    return pl.DataFrame(
        {"event_id": [f"e{n}" for n in ids], "_offset": range(first, first + len(ids))},
        schema={"event_id": pl.String, "_offset": pl.Int64},
    )


def kept(ids: list[int], horizon: int) -> list[int]:
    """By definition: no equal id at one of the `horizon` offsets before."""
    return [o for o, n in enumerate(ids) if n not in ids[max(0, o - horizon) : o]]


@given(
    st.lists(st.integers(0, 15), min_size=1, max_size=80),
    st.integers(1, 40),
    st.lists(st.integers(1, 80), max_size=8),
)
def test_any_chunking_decides_as_the_definition_does(
    ids: list[int], horizon: int, cuts: list[int]
) -> None:
    window = DuplicateWindow(horizon)
    edges = sorted({0, *(cut for cut in cuts if cut < len(ids)), len(ids)})
    found: list[int] = []
    for start, end in itertools.pairwise(edges):
        found += window.filter(events(ids[start:end], start), "event_id")["_offset"].to_list()
    assert found == kept(ids, horizon)


@given(st.lists(st.integers(0, 9), min_size=30, max_size=60), st.integers(1, 20))
def test_a_window_filled_from_one_horizon_back_decides_like_one_that_saw_everything(
    ids: list[int], horizon: int
) -> None:
    restart = len(ids) // 2
    window = DuplicateWindow(horizon)
    first = max(0, restart - horizon)
    refilled = window.filter(events(ids[first:], first), "event_id")["_offset"]
    assert [o for o in refilled if o >= restart] == [o for o in kept(ids, horizon) if o >= restart]


def test_a_horizon_of_zero_keeps_everything() -> None:
    assert DuplicateWindow(0).filter(events([1, 1, 1]), "event_id").height == 3
