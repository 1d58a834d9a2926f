"""Bursts: whether the last hour's views are more than a video's own rate explains.

Views are taken to be Poisson with a rate r an hour. A decayed sum of them, each with the weight
w(u) for its age u, has mean r M and variance r V: M is the integral of w and V that of w^2 over the
life of the video (Campbell's theorem). A sum S is then to S M / V as a count is to a sum: as
variable as a Poisson count in M^2 / V hours. So

* k = counts of the last hour, from w = exp(-u / 1 h), in t hours;
* n = counts before it, from w = exp(-u / 24 h) - exp(-u / 1 h), in T hours: what the day's sum has
  beyond the hour's.

With Jeffreys' prior the rate is Gamma(n + 1/2, T) after n, and k is negative binomial, with mean
m = t (n + 1/2) / T and variance m (1 + t / T) (Gelman and others, Bayesian Data Analysis, 3rd ed.,
section 2.6). burst_z = (k - m) / sqrt(m (1 + t / T)).

The two sums share some views between them (their covariance is 0.46 r in the long run), which makes
k - m a little less variable than that: the z is on the careful side. A video younger than a day is
held to its own short life: a steady one is no burst for being new.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_HOUR, _DAY = 1.0, 24.0  # time constants in hours
_JEFFREYS = 0.5
_YOUNGEST = 0.05  # hours of life below which nothing can be said
_OLDEST = 340.0  # hours from which a life is as good as endless: exp(-340 / 24) is a millionth


def burst_z(last_hour: Floats, last_day: Floats, age_h: Floats) -> Floats:
    """How many standard deviations the last hour is above the video's own rate.

    Args:
        last_hour: views decayed with a time constant of 1 h, at an instant.
        last_day: the same with 24 h, at the same instant.
        age_h: hours from the video's first event to that instant.

    Returns:
        z; 0 for a life of less than three minutes.
    """
    age = np.clip(age_h, _YOUNGEST, _OLDEST)
    hour, hour_twice = _lived(_HOUR, age), _lived(_HOUR / 2, age)
    both = _lived(_HOUR * _DAY / (_HOUR + _DAY), age)
    before = _lived(_DAY, age) - hour
    before_twice = _lived(_DAY / 2, age) - 2 * both + hour_twice
    recent, recent_h = last_hour * hour / hour_twice, hour**2 / hour_twice
    rest = np.maximum(last_day - last_hour, 0.0)
    earlier, earlier_h = rest * before / before_twice, before**2 / before_twice
    ratio = recent_h / earlier_h
    mean = (earlier + _JEFFREYS) * ratio
    z: Floats = (recent - mean) / np.sqrt(mean * (1 + ratio))
    return np.where(age_h < _YOUNGEST, 0.0, z)


def _lived(tau: float, age_h: Floats) -> Floats:
    """Integral of exp(-u / tau) over the ages u of a life."""
    return -tau * np.expm1(-age_h / tau)
