"""Kernel ridge regression over a sample of landmarks (Nystroem): smooth where trees are not.

    f(x) = mean + sum_j a_j k(x, landmark_j),  k(x, z) = exp(-width |x - z|^2 / features)

with a minimising sum_i w_i (f(x_i) - y_i)^2 + ridge sum_i w_i a' K a, K being the kernel among the
landmarks.

Source: Williams, Seeger: Using the Nystroem method to speed up kernel machines, NIPS 2000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

Floats = npt.NDArray[np.float64]

LANDMARKS = 1000
_JITTER = 1e-8
_CHUNK = 8192  # rows whose kernel is held at once: 64 MiB with 1,000 landmarks
_FAR = 4.0  # standard deviations; a wilder value says no more than that it is wild


@dataclass(frozen=True)
class Kernel:
    """A fitted regression.

    Attributes:
        landmarks: rows of the standardised matrix.
        weights: of the landmarks.
        mean: of the target, as weighted.
        centre: mean of each column; so `scale`, its standard deviation.
        width: how fast the kernel falls.
    """

    landmarks: Floats
    weights: Floats
    mean: float
    centre: Floats
    scale: Floats
    width: float

    def predict(self, matrix: Floats) -> Floats:
        """One value per row of a matrix with the columns it was fitted on."""
        rows = _standardised(matrix, self.centre, self.scale)
        return _kernel(rows, self.landmarks, self.width) @ self.weights + self.mean


def fit(
    matrix: Floats,
    target: Floats,
    weight: Floats,
    *,
    width: float,
    ridge: float,
    seed: int,
    landmarks: int = LANDMARKS,
) -> Kernel:
    """Fit by weighted least squares.

    Args:
        matrix: finite, (examples, features).
        target: one per example.
        weight: positive, one per example.
        width: of the kernel, see above.
        ridge: penalty, see above.
        seed: of the sample of landmarks.
        landmarks: how many at most; no more than half of the examples are.
    """
    centre, scale = matrix.mean(axis=0), matrix.std(axis=0) + 1e-9
    rows = _standardised(matrix, centre, scale)
    size = max(1, min(landmarks, len(rows) // 2))
    sample = np.random.default_rng(seed).choice(len(rows), size, replace=False)
    marks = rows[sample]
    mass = float(weight.sum())
    mean = float(weight @ target) / mass
    normal = mass * (ridge * _kernel(marks, marks, width) + _JITTER * np.eye(size))
    right = np.zeros(size)
    for start in range(0, len(rows), _CHUNK):
        some = slice(start, start + _CHUNK)
        near = _kernel(rows[some], marks, width)
        weighted = weight[some, None] * near
        normal += near.T @ weighted
        right += weighted.T @ (target[some] - mean)
    weights = linalg.solve(normal, right, assume_a="pos", check_finite=False)
    return Kernel(marks, weights, mean, centre, scale, width)


def _standardised(matrix: Floats, centre: Floats, scale: Floats) -> Floats:
    return np.clip((matrix - centre) / scale, -_FAR, _FAR)


def _kernel(rows: Floats, landmarks: Floats, width: float) -> Floats:
    squares = (rows**2).sum(axis=1)[:, None] + (landmarks**2).sum(axis=1)[None]
    distance = np.maximum(squares - 2 * rows @ landmarks.T, 0) / rows.shape[1]
    found: Floats = np.exp(-width * distance)
    return found
