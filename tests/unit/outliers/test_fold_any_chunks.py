"""However the log is cut, the same comes out, and it is what the definition says."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from streams.outliers.detection.verdicts import Rule
from streams.outliers.fold import OutlierFold
from tests.unit.outliers.recounted import recounted, same
from tests.unit.outliers.snapshots import (
    Outcome,
    Snapshot,
    fold_in_chunks,
    frame,
    long_stream,
    small_streams,
)

FOLD = OutlierFold(Rule(3.0, 0.01))


def equal(one: Outcome, other: Outcome) -> None:
    for ours, theirs in zip(one, other, strict=True):
        assert_frame_equal(ours, theirs, check_exact=True)


@settings(max_examples=25, deadline=None)
@given(snapshots=small_streams, data=st.data())
def test_small_streams(snapshots: list[Snapshot], data: st.DataObject) -> None:
    events = frame(snapshots)
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=4))
    outcome = fold_in_chunks(FOLD, events, cuts)
    equal(fold_in_chunks(FOLD, events), outcome)
    same(outcome, recounted(events))


@pytest.mark.parametrize("seed", range(4))
def test_long_streams(seed: int) -> None:
    events = frame(long_stream(seed))
    together = fold_in_chunks(FOLD, events)
    equal(together, fold_in_chunks(FOLD, events, range(0, len(events), 97)))
    assert not together.detections.is_empty()
    same(together, recounted(events))


def test_streams_hold_what_the_tests_are_about() -> None:
    found = [fold_in_chunks(FOLD, frame(long_stream(seed))) for seed in range(4)]
    detections = pl.concat([one.detections for one in found])
    assert set(detections["verdict"]) == {"outlier", "retracted"}
    assert set(detections["reason"].drop_nulls()) == {"recount", "rejudged"}
    assert detections["confirms"].drop_nulls().len()
    assert pl.concat([one.shifts for one in found])["direction"].to_list().count("up")


def test_one_at_a_time() -> None:
    events = frame(long_stream(5, 80, videos=12))
    equal(fold_in_chunks(FOLD, events), fold_in_chunks(FOLD, events, range(len(events))))


def test_a_channel_with_thousands_of_uploads() -> None:
    events = frame([one | {"channel_id": "c"} for one in long_stream(6, 4000, videos=2500)])
    cut = fold_in_chunks(FOLD, events, [1500, 1510, 3999])
    equal(fold_in_chunks(FOLD, events), cut)
    contributions = cut.rows["recent"].explode().struct.field("format").value_counts()
    assert contributions["count"].max() == 41
