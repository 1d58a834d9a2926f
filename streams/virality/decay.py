"""Exponentially decayed sums, kept with the time at which they stand.

An event of time t counts exp(-(T - t) / tau) at time T. Kept as (sum, T) and moved forward by
whoever reads, a sum needs no clock, and late and out-of-order events no special case.

Source: Cormode, Shkapenyuk, Srivastava, Xu: Forward Decay, ICDE 2009.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

HOUR = 3600.0

# Time constants in seconds by the suffix of their columns.
TIME_CONSTANTS: dict[str, float] = {
    "1h": HOUR,
    "6h": 6 * HOUR,
    "24h": 24 * HOUR,
    "7d": 7 * 24 * HOUR,
}


def weights(
    since: npt.NDArray[np.int64], until: npt.NDArray[np.int64], tau: float
) -> npt.NDArray[np.float64]:
    """exp(-(until - since) / tau), of times in microseconds and tau in seconds.

    1 where the times are equal; never above 1 when `until` is not before `since`.
    """
    decay: npt.NDArray[np.float64] = np.exp((since - until) / (tau * 1e6))
    return decay
