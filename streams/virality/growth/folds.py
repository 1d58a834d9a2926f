"""Parts of the examples that are left out in turn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FOLDS = 5


def folds(count: int, seed: int, parts: int = FOLDS) -> npt.NDArray[np.int64]:
    """Part of each example: as even as can be, by chance, the same for the same seed."""
    order = np.random.default_rng(seed).permutation(count)
    found = np.empty(count, np.int64)
    found[order] = np.arange(count) % parts
    return found
