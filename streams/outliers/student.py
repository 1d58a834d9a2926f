"""The upper tail of Student's t, without a statistics library.

P(T > t) = I_x(df/2, 1/2) / 2 with x = df / (df + t^2), t >= 0 (Abramowitz and Stegun 26.7.1), where
I is the regularised incomplete beta function. That is evaluated by its continued fraction, NIST
DLMF 8.17.22, on the side where it converges quickly; the other side is reached by
I_x(a, b) = 1 - I_(1-x)(b, a), DLMF 8.17.4. Nothing cancels in the far tail: the relative error
there stays near the machine's.

One value at a time, on purpose: a detection that is made again after a crash has to be the same to
the last bit, whatever else is in its chunk, and array arithmetic does not promise that.
"""

from __future__ import annotations

import math

_TINY = 1e-300  # stands for a zero denominator in the modified Lentz recurrence
_CONVERGED = 1e-15
_MOST_TERMS = 10_000  # some multiple of the square root of df is needed


def upper_tail(t: float, df: float) -> float:
    """P(T > t) of Student's t with df degrees of freedom.

    Args:
        t: any value; infinities are fine, NaN gives NaN.
        df: degrees of freedom, above zero.

    Raises:
        ValueError: df is not above zero.
    """
    if not df > 0:
        raise ValueError(f"degrees of freedom must be above zero, not {df}")
    if math.isnan(t):
        return math.nan
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    upper = _half_beta(t, df)
    return upper if t >= 0 else 1 - upper


def _half_beta(t: float, df: float) -> float:
    """I_x(df/2, 1/2) / 2 with x = df / (df + t^2)."""
    ratio = t / math.sqrt(df) * (t / math.sqrt(df))
    if ratio == 0:
        return 0.5
    if math.isinf(ratio):
        return 0.0
    a, b = df / 2, 0.5
    x, rest = 1 / (1 + ratio), ratio / (1 + ratio)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    power = math.exp(b * math.log(rest) - a * math.log1p(ratio) - log_beta)
    if x < (a + 1) / (a + b + 2):
        return power * _fraction(a, b, x) / a / 2
    return (1 - power * _fraction(b, a, rest) / b) / 2


def _fraction(a: float, b: float, x: float) -> float:
    """1 / (1 + d1 / (1 + d2 / ...)) of DLMF 8.17.22, by the modified Lentz recurrence."""
    c = 1.0
    d = 1 / _not_zero(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _not_zero(1 + even * d)
        c = _not_zero(1 + even / c)
        result *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _not_zero(1 + odd * d)
        c = _not_zero(1 + odd / c)
        step = d * c
        result *= step
        if abs(step - 1) < _CONVERGED:
            break
    return result


def _not_zero(value: float) -> float:
    return value if abs(value) >= _TINY else _TINY
