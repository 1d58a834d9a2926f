"""How the views of a video come in with its age."""

from __future__ import annotations

import numpy as np

from infra.simulator.scenario import HOUR

GROWTH_HOURS = 20.0  # scale of the growth curve
GROWTH_POWER = 0.8  # exponent: how slowly the tail runs out


def grown(age: np.ndarray) -> np.ndarray:
    """The share of its eventual views that a video has at an age in microseconds, 0 to 1.

    A power law: fast at first and with a long tail, 1 - (1 + age / scale) ** -power.
    """
    hours = np.maximum(age, 0) / HOUR
    return np.asarray(1 - (1 + hours / GROWTH_HOURS) ** -GROWTH_POWER)
