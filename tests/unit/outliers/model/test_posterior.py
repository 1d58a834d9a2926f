"""The posterior predictive: textbook where it can be, robust where it must be, always the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from streams.outliers.model.growth import AGES_H, ALL, Growth
from streams.outliers.model.posterior import Posterior, posterior, quantile, upper_tail
from streams.outliers.model.priors import LEVELS, Prior

VARIANCE = 0.09
PRIOR = Prior(mean=4.0, strength=0.5, df=6.0, variance=(VARIANCE,) * len(LEVELS))


def growth(forgetting: float = 1.0, tau2: float = 0.0, prior: Prior = PRIOR) -> Growth:
    return Growth({ALL: (-1.0,) + (0.0,) * (len(AGES_H) - 1)}, {ALL: prior}, tau2, forgetting)


def judged(
    rows: list[list[float]], *, by: Growth, carried: float = 0.0, width: int = 8
) -> Posterior:
    """Of histories, the newest last."""
    x, valid = np.full((len(rows), width), np.nan), np.zeros((len(rows), width), bool)
    for at, row in enumerate(rows):
        if row:
            x[at, -len(row) :], valid[at, -len(row) :] = row, True
    return posterior(x, np.full(x.shape, carried), valid, np.zeros(len(rows), np.int64), by)


def test_without_history_it_is_the_prior() -> None:
    found = judged([[]], by=growth())

    assert (found.n[0], found.location[0], found.df[0]) == (0, 4.0, 6.0)
    assert found.scale[0] == pytest.approx(np.sqrt(VARIANCE * (1 + 1 / 0.5)))


def test_where_nothing_is_cut_the_location_is_the_conjugate_one() -> None:
    row = [4.9, 5.0, 5.1, 5.05]

    found = judged([row], by=growth())

    assert found.location[0] == pytest.approx((0.5 * 4.0 + sum(row)) / 4.5)
    assert found.n[0] == 4
    assert found.df[0] == 10


def test_the_variance_is_between_the_priors_and_the_histories() -> None:
    row = [5.0 + 0.01 * (-1) ** at for at in range(8)]

    found = judged([row], by=growth(prior=Prior(5.0, 0.5, 6.0, PRIOR.variance)))

    steady = VARIANCE * 6 / 14  # the history's own is next to nothing
    assert found.scale[0] == pytest.approx(np.sqrt(steady * (1 + 1 / 8.5)), rel=0.01)


def test_an_earlier_hit_hardly_moves_what_is_expected() -> None:
    usual = [5.0, 5.1, 4.9, 5.0, 5.1, 4.9, 5.0]
    plain, hit = judged([usual, [*usual[:3], 7.5, *usual[3:]]], by=growth()).location

    assert hit - plain < 0.12  # the mean would move by 0.3


def test_older_videos_count_less() -> None:
    falling = [5.6, 5.5, 5.4, 5.3, 5.2, 5.1]

    remembering, forgetting = (judged([falling], by=growth(forgetting=one)) for one in (1.0, 0.5))

    assert forgetting.location[0] < remembering.location[0]
    assert forgetting.n[0] == pytest.approx(sum(0.5**rank for rank in range(6)))


def test_figures_carried_far_count_less_and_widen_the_range() -> None:
    row = [5.0, 5.1, 4.9, 5.0]

    near, far = (judged([row], by=growth(tau2=0.1), carried=one) for one in (0.0, 1.0))

    assert far.n[0] < near.n[0] == 4
    assert far.scale[0] > near.scale[0]


def test_gaps_in_a_history_are_nothing() -> None:
    x = np.array([[1.0, 5.0, np.inf, 5.2, np.nan, 5.1]])
    valid = np.array([[False, True, False, True, False, True]])

    gaps = posterior(x, np.zeros(x.shape), valid, np.zeros(1, np.int64), growth(0.9))

    dense = judged([[5.0, 5.2, 5.1]], by=growth(0.9))
    assert [one[0] for one in gaps] == [one[0] for one in dense]


@given(st.integers(0, 2**32), st.integers(1, 1300), st.data())
def test_a_row_does_not_depend_on_the_rows_beside_it(
    seed: int, rows: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    by = Growth.default()
    x, far = rng.normal(5, 1, (rows, 40)), rng.uniform(0, 2, (rows, 40))
    valid = rng.random((rows, 40)) < rng.random((rows, 1))
    codes: NDArray[np.int64] = rng.integers(0, len(by.groups), rows)
    start = data.draw(st.integers(0, rows - 1))
    end = data.draw(st.integers(start + 1, rows))

    whole = posterior(x, far, valid, codes, by)
    part = slice(start, end)
    # Laid out in another way as well.
    some = posterior(
        np.asfortranarray(x[part]), far[part], np.asfortranarray(valid[part]), codes[part], by
    )

    for ours, theirs in zip(some, whole, strict=True):
        assert ours.tobytes() == theirs[part].tobytes()


def test_tails_and_quantiles_are_students() -> None:
    t, df = np.array([-3.0, 0.0, 2.0, 30.0]), np.array([1.5, 4.0, 20.0, 7.0])

    assert upper_tail(t, df) == pytest.approx(stats.t.sf(t, df))
    assert quantile(0.95, df) == pytest.approx(stats.t.ppf(0.95, df))


def test_of_usual_videos_one_in_a_hundred_is_beyond_one_in_a_hundred() -> None:
    rng = np.random.default_rng(7)
    level = rng.normal(4.5, 1, 40_000)
    videos = level[:, None] + rng.normal(0, np.sqrt(VARIANCE), (40_000, 13))

    found = posterior(
        videos[:, :12],
        np.zeros((40_000, 12)),
        np.ones((40_000, 12), bool),
        np.zeros(40_000, np.int64),
        growth(prior=Prior(4.5, 0.09, 20.0, PRIOR.variance)),
    )

    tail = upper_tail((videos[:, 12] - found.location) / found.scale, found.df)
    assert (tail <= 0.01).mean() == pytest.approx(0.01, abs=0.002)
    assert (tail <= 0.1).mean() == pytest.approx(0.1, abs=0.007)
