"""Medians and deviations of the values before a position."""

from __future__ import annotations

import statistics

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.outliers.windows import SIZE, usual_before

series = st.lists(st.lists(st.floats(0, 20), max_size=50), min_size=1, max_size=5)


@settings(deadline=None)
@given(many=series, data=st.data())
def test_they_are_those_of_the_last_twenty_of_the_own_series(
    many: list[list[float]], data: st.DataObject
) -> None:
    values = np.array([value for one in many for value in one], dtype=np.float64)
    first = np.cumsum([0, *map(len, many[:-1])])
    places = [data.draw(st.integers(0, len(one))) for one in many]
    usual = usual_before(values, first.astype(np.int64), (first + places).astype(np.int64))
    for row, (one, place) in enumerate(zip(many, places, strict=True)):
        window = one[:place][-SIZE:]
        assert usual.n[row] == len(window)
        if not window:
            assert np.isnan(usual.median[row])
            assert np.isnan(usual.mad[row])
            continue
        middle = statistics.median(window)
        assert usual.median[row] == middle
        assert usual.mad[row] == statistics.median(abs(value - middle) for value in window)


def test_no_windows_are_no_trouble() -> None:
    none = np.array([], dtype=np.int64)
    usual = usual_before(np.array([1.0]), none, none)
    assert len(usual.n) == len(usual.median) == len(usual.mad) == 0
