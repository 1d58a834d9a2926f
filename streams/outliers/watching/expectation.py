"""What is expected to be new: uploads of a channel, growth of a video. Times are in hours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FOLLOWED_H = 90 * 24.0  # age at which a video is followed no more

# A channel of which nothing is known counts as one upload a week, and as half an upload of it.
PRIOR_UPLOADS = 0.5
PRIOR_RATE = 1 / (7 * 24.0)  # uploads an hour
# A channel's habits change: an upload of three weeks ago counts half.
HABIT_HALF_LIFE_H = 21 * 24.0

# How a usual video grows, as shares of its views at 120 days: 8, 25, 39 and 68 % at 1, 3, 7 and
# 30 days, measured on 14,041 videos. Between them straight lines of logarithms, views by age;
# before the first day in proportion to the age.
_YOUNGEST_H = 0.25
_AGES_H = np.log10([_YOUNGEST_H, 24.0, 72.0, 168.0, 720.0, 2880.0])
_LOG_SHARES = np.log10([0.08 * _YOUNGEST_H / 24, 0.08, 0.25, 0.39, 0.68, 1.0])

# What a video did counts against what was expected of it. The expectation has the weight of so
# much growth (log10), and what was seen a day earlier counts half.
PACE_WEIGHT = 0.01
PACE_HALF_LIFE_H = 24.0
_PACE_BOUNDS = 0.05, 20.0


def log_share(age_h: Floats) -> Floats:
    """Log10 of the share of its later views that a usual video has at an age.

    Args:
        age_h: float64; below a quarter of an hour counts as that.
    """
    shares: Floats = np.interp(np.log10(np.maximum(age_h, _YOUNGEST_H)), _AGES_H, _LOG_SHARES)
    return shares


def upload_rates(channel: NDArray[np.int64], age_h: Floats, known_for_h: Floats) -> Floats:
    """Uploads an hour of each channel: the mean of a Gamma-Poisson posterior with forgetting.

    With a prior Gamma(a, b), n uploads in a time T give Gamma(a + n, b + T). Here an upload counts
    2^(-age / half-life), and so does the time.

    Args:
        channel: of each known upload, its number from 0.
        age_h: of each known upload; the same length.
        known_for_h: of each channel, for how long back all its uploads are known.

    Returns:
        float64, one per channel, above 0.
    """
    counted = age_h <= known_for_h[channel]
    weights = np.exp2(-age_h / HABIT_HALF_LIFE_H) * counted
    uploads = np.bincount(channel, weights, len(known_for_h))
    time = HABIT_HALF_LIFE_H / np.log(2) * (1 - np.exp2(-known_for_h / HABIT_HALF_LIFE_H))
    rates: Floats = (PRIOR_UPLOADS + uploads) / (PRIOR_UPLOADS / PRIOR_RATE + time)
    return rates


def growth_pace(grown: Floats, expected: Floats) -> Floats:
    """How many times faster than usual a video grows, shrunk towards 1.

    Args:
        grown: log10 of its growth between looks, the old forgotten; see `forgotten`.
        expected: of the same, the growth that was expected.
    """
    pace: Floats = np.clip((PACE_WEIGHT + grown) / (PACE_WEIGHT + expected), *_PACE_BOUNDS)
    return pace


def forgotten(hours: float) -> float:
    """What is left of an earlier growth's weight after so many hours."""
    return float(0.5 ** (hours / PACE_HALF_LIFE_H))


def waiting(start_h: Floats, now_h: Floats, pace: Floats) -> Floats:
    """Growth that nobody has seen yet, times the hours that it has waited for that.

    The integral of the expected log10 growth since the last look: what a look now ends. A video
    that grows evenly has half the square of the time times its growth an hour; so one that grows
    four times as fast is looked at twice as often, and no video is forgotten.

    Args:
        start_h: age at the last look.
        now_h: age now.

    Returns:
        float64, in log10 x hours, at least 0.
    """
    begin = log_share(start_h)
    middle = log_share((start_h + now_h) / 2) - begin
    end = log_share(now_h) - begin
    # Simpson's rule: it is near enough, and a schedule needs no more.
    areas: Floats = pace * np.maximum(now_h - start_h, 0.0) * (4 * middle + end) / 6
    return areas
