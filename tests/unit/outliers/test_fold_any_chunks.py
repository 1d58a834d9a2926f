"""The fold says the same whatever the chunks, and the same as the definition read aloud."""

from __future__ import annotations

import random

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from streams.outliers.detections import SCHEMA
from streams.outliers.fold import OutlierFold
from tests.acceptance import independent_outliers
from tests.unit.outliers import reference
from tests.unit.outliers.snapshots import (
    Snapshot,
    fold_in_chunks,
    frame,
    long_stream,
    small_streams,
)

FOLD = OutlierFold(multiple=3.0, z=3.0)


def agrees_with_the_definition(events: pl.DataFrame, cuts: list[int]) -> int:
    """Compares to the last bit; answers how many detections there were."""
    state, found = fold_in_chunks(FOLD, events, cuts)
    expected_state, expected = reference.frames(events, FOLD.state, SCHEMA, 3.0, 3.0)
    assert_frame_equal(state, expected_state, check_exact=True)
    assert_frame_equal(found.select(expected.columns), expected, check_exact=True)
    return len(found)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots=small_streams, data=st.data())
def test_any_chunking_gives_the_state_and_detections_of_the_definition(
    snapshots: list[Snapshot], data: st.DataObject
) -> None:
    events = frame(snapshots)
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=6))
    agrees_with_the_definition(events, cuts)
    together, apart = fold_in_chunks(FOLD, events), fold_in_chunks(FOLD, events, cuts)
    assert_frame_equal(together[0], apart[0], check_exact=True)
    assert_frame_equal(together[1], apart[1], check_exact=True)


@pytest.mark.parametrize("seed", range(4))
def test_long_streams_agree_with_the_definition(seed: int) -> None:
    events = frame(long_stream(seed))
    cuts = random.Random(seed).sample(range(len(events)), 25)
    assert agrees_with_the_definition(events, cuts) > 10


@pytest.mark.parametrize("seed", range(4))
def test_a_chunk_per_event_is_as_good_as_one_chunk(seed: int) -> None:
    events = frame(long_stream(seed, length=150))
    together, apart = fold_in_chunks(FOLD, events), fold_in_chunks(FOLD, events, range(len(events)))
    assert_frame_equal(together[0], apart[0], check_exact=True)
    assert_frame_equal(together[1], apart[1], check_exact=True)


@pytest.mark.parametrize("seed", range(4))
def test_the_independent_computation_finds_the_same(seed: int) -> None:
    events = frame(long_stream(seed))
    _, found = fold_in_chunks(FOLD, events, [300, 900])
    other = independent_outliers.detections(
        events.with_columns(pl.col("_offset").alias("order")), 3.0, 3.0
    ).rename(
        {
            "order": "source_offset",
            "n": "baseline_n",
            "median": "baseline_median_log10",
            "mad": "baseline_mad_log10",
        }
    )
    exact = [name for name in other.columns if name != "tail_probability"]
    assert_frame_equal(found.select(exact), other.select(exact), check_exact=True)
    assert_frame_equal(
        found.select("tail_probability"), other.select("tail_probability"), rel_tol=1e-12, abs_tol=0
    )
