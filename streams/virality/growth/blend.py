"""Trees and a kernel regression, averaged: they err in different places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.virality.features import Feature
from streams.virality.growth import kernel
from streams.virality.models.boosting import Boosting, Member, grow

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """How a blend is fitted; chosen by cross-validation, see docs/decisions/0010.

    Attributes:
        trees: the trees.
        width: of the kernel; so `ridge`, its penalty (growth.kernel).
    """

    trees: Member
    width: float
    ridge: float


@dataclass(frozen=True)
class Blend:
    """The mean of both regressions."""

    trees: Boosting
    kernel: kernel.Kernel
    categories: int

    def predict(self, matrix: Floats) -> Floats:
        """One value per row of a matrix of `growth.shape`."""
        smooth = self.kernel.predict(_dense(matrix, self.categories))
        return (self.trees.predict(matrix) + smooth) / 2


def fit(
    matrix: Floats,
    target: Floats,
    weight: Floats,
    features: Sequence[Feature],
    recipe: Recipe,
    *,
    categories: int,
    seed: int,
) -> Blend:
    """Fit both to minimise the weighted squares.

    Args:
        matrix: of `growth.shape`, category first.
        target: finite, one per row.
        weight: positive, one per row.
        features: what the columns are.
        recipe: how.
        categories: how many there are.
        seed: of every sample.
    """
    trees = grow(matrix, target, features, (recipe.trees,), weight=weight, seed=seed)
    smooth = kernel.fit(
        _dense(matrix, categories),
        target,
        weight,
        width=recipe.width,
        ridge=recipe.ridge,
        seed=seed,
    )
    return Blend(trees, smooth, categories)


def _dense(matrix: Floats, categories: int) -> Floats:
    """The matrix with a column per category instead of the code."""
    return np.column_stack([matrix[:, :1] == np.arange(categories), matrix[:, 1:]])
