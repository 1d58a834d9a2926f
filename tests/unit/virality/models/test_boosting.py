"""Boosted trees: the same every time, monotone where asked, explained to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from streams.virality.features import BEFORE
from streams.virality.models.boosting import Boosting, Member, grow

FEATURES = BEFORE[:6]
MEMBERS = (Member("regression", 30), Member("regression_l1", 20))


def _examples(count: int = 2_000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(count, len(FEATURES)))
    matrix[:, :3] = random.integers(0, 5, (count, 3))  # codes
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    target = np.nan_to_num(matrix[:, 3]) + (matrix[:, 0] == 2) + random.normal(0, 0.1, count)
    return matrix, target


def test_the_same_examples_grow_the_same_trees() -> None:
    first, second = (grow(*_examples(), FEATURES, MEMBERS) for _ in range(2))
    assert first.models == second.models
    other = grow(*_examples(), FEATURES, MEMBERS, seed=2)
    assert other.models != first.models


def test_trees_learn_more_than_the_mean() -> None:
    boosting = grow(*_examples(), FEATURES, MEMBERS)
    matrix, target = _examples(seed=2)
    left = ((boosting.predict(matrix) - target) ** 2).mean()
    assert left < 0.6 * target.var()
    assert next(iter(boosting.importance())) == FEATURES[3].name
    assert sum(boosting.importance().values()) == pytest.approx(1)


def test_contributions_sum_to_the_prediction() -> None:
    boosting = grow(*_examples(), FEATURES, MEMBERS)
    matrix, _ = _examples(200, seed=3)
    contributions = boosting.contributions(matrix)
    assert contributions.shape == (200, len(FEATURES) + 1)
    assert np.allclose(contributions.sum(axis=1), boosting.predict(matrix), atol=1e-9)


def test_trees_survive_being_written_down() -> None:
    boosting = grow(*_examples(), FEATURES, MEMBERS)
    again = Boosting(boosting.features, boosting.models)
    matrix, _ = _examples(50, seed=4)
    assert again.predict(matrix).tolist() == boosting.predict(matrix).tolist()


def test_a_row_is_predicted_alike_alone_and_among_others() -> None:
    boosting = grow(*_examples(), FEATURES, MEMBERS)
    matrix, _ = _examples(50, seed=4)
    alone = [float(boosting.predict(matrix[row : row + 1])[0]) for row in range(50)]
    assert alone == boosting.predict(matrix).tolist()


def test_a_monotone_feature_never_lowers_a_prediction_by_growing() -> None:
    matrix, target = _examples()
    target -= 3 * (np.abs(np.nan_to_num(matrix[:, 3])) < 0.3)  # the truth is not monotone
    name = FEATURES[3].name
    free = grow(matrix, target, FEATURES, [Member("regression", 60)])
    bound = grow(matrix, target, FEATURES, [Member("regression", 60)], monotone={name: 1})
    ramp = np.repeat(_examples(20, seed=5)[0], 50, axis=0)
    ramp[:, 3] = np.tile(np.linspace(-2, 2, 50), 20)

    def falls(boosting: Boosting) -> float:
        return float(np.diff(boosting.predict(ramp).reshape(20, 50), axis=1).min())

    assert falls(free) < -0.1
    assert falls(bound) >= 0


def test_weights_decide_whom_to_believe() -> None:
    matrix, _ = _examples()
    target = np.where(np.arange(2_000) % 2, 1.0, 5.0)
    weight = np.where(np.arange(2_000) % 2, 1.0, 0.01)
    assert grow(matrix, target, FEATURES, weight=weight).predict(matrix).mean() < 1.3


def test_what_cannot_be_learnt_from_is_refused() -> None:
    matrix, target = _examples()
    with pytest.raises(ValueError, match="no rows"):
        grow(matrix[:0], target[:0], FEATURES)
    with pytest.raises(ValueError, match="not a finite number"):
        grow(matrix, np.where(target > 1, np.nan, target), FEATURES)


def test_trees_of_other_features_are_refused() -> None:
    boosting = grow(*_examples(), FEATURES, MEMBERS)
    with pytest.raises(ValueError, match="other features"):
        Boosting(["a", "b"], boosting.models)
    with pytest.raises(ValueError, match="at least one"):
        Boosting(boosting.features, [])


def test_no_rows_have_no_predictions() -> None:
    boosting = grow(*_examples(), FEATURES, MEMBERS)
    assert boosting.predict(np.zeros((0, len(FEATURES)))).shape == (0,)
    assert boosting.contributions(np.zeros((0, len(FEATURES)))).shape == (0, len(FEATURES) + 1)
