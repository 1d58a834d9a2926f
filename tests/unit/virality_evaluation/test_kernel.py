"""Kernel regression over landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from streams.virality.growth import kernel


def test_with_every_row_a_landmark_it_solves_the_ridge_regression() -> None:
    """Against the closed form over all rows: a = (K'WK + ridge sum(w) K)^-1 K'W (y - mean)."""
    rng = np.random.default_rng(1)
    matrix, target = rng.normal(size=(60, 4)), rng.normal(size=60)
    weight = rng.uniform(0.5, 2, 60)

    found = kernel.fit(matrix, target, weight, width=0.5, ridge=1e-2, seed=3, landmarks=30)

    scaled = np.clip((matrix - matrix.mean(0)) / (matrix.std(0) + 1e-9), -4, 4)
    distance = ((scaled[:, None] - found.landmarks[None]) ** 2).sum(-1) / 4
    among = np.exp(-0.5 * distance)
    marks = np.exp(-0.5 * ((found.landmarks[:, None] - found.landmarks[None]) ** 2).sum(-1) / 4)
    mean = np.average(target, weights=weight)
    gram = among.T @ np.diag(weight) @ among + weight.sum() * (1e-2 * marks + 1e-8 * np.eye(30))
    wanted = np.linalg.solve(gram, among.T @ (weight * (target - mean)))
    assert found.weights == pytest.approx(wanted, rel=1e-6)
    assert found.predict(matrix) == pytest.approx(among @ wanted + mean)


def test_what_is_smooth_is_learnt() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.uniform(-1, 1, (2000, 2))
    target = np.sin(3 * matrix[:, 0]) + matrix[:, 1] ** 2

    found = kernel.fit(
        matrix[:1000], target[:1000], np.ones(1000), width=0.5, ridge=1e-6, seed=1, landmarks=200
    )

    assert np.abs(found.predict(matrix[1000:]) - target[1000:]).max() < 0.05


def test_a_column_that_never_changes_does_no_harm() -> None:
    matrix = np.column_stack([np.ones(50), np.arange(50.0)])

    found = kernel.fit(matrix, np.arange(50.0), np.ones(50), width=1, ridge=1e-6, seed=1)

    assert found.predict(matrix) == pytest.approx(np.arange(50.0), abs=0.5)


def test_rows_beyond_one_chunk_count_like_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    matrix, target = rng.normal(size=(100, 3)), rng.normal(size=100)
    whole = kernel.fit(matrix, target, np.ones(100), width=0.5, ridge=1e-3, seed=1)

    monkeypatch.setattr(kernel, "_CHUNK", 7)
    pieces = kernel.fit(matrix, target, np.ones(100), width=0.5, ridge=1e-3, seed=1)

    assert pieces.predict(matrix) == pytest.approx(whole.predict(matrix))
