"""What an outlier is, by several definitions: the familiar ones and ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.outliers.model.growth import Growth
from streams.outliers.model.posterior import posterior, upper_tail

Floats = NDArray[np.float64]

MULTIPLE = 3.0
PROBABILITY = 0.01
ROBUST_Z = 3.0
_LEAST_SIGMA = 0.1  # log10 views, as in docs/outliers.md


class Judged(NamedTuple):
    """Uploads with the same number of earlier ones of their channels.

    Attributes:
        views: (uploads,) their views.
        earlier: (uploads, history) views of the earlier ones, newest last.
        share: (uploads,) log10 share of the 90-day views that is there at their age.
        earlier_share: (uploads, history) the same of the earlier ones.
        codes: (uploads,) groups of `Growth`.
    """

    views: Floats
    earlier: Floats
    share: Floats
    earlier_share: Floats
    codes: NDArray[np.int64]


class Definition(NamedTuple):
    """One way to say what stands out.

    Attributes:
        name: short.
        formula: for a person.
        threshold: of the score, from which an upload is an outlier.
    """

    name: str
    formula: str
    threshold: float


MEDIAN = Definition("views / median", "(views + 1) / (median of the earlier + 1) >= 3", MULTIPLE)
ROBUST = Definition(
    "robust z", "(x - median) / max(1.4826 MAD, 0.1) >= 3, x = log10(views + 1)", ROBUST_Z
)
EXPECTED = Definition(
    "views / expected", "(views + 1) / (expected views at that age + 1) >= 3", MULTIPLE
)
TAIL = Definition("tail probability", "p <= 0.01", 1.0)
VERDICT = Definition("verdict", "p <= 0.01 and (views + 1) / (expected + 1) >= 3", 1.0)
AROUND = Definition(
    "views / mean of 10 around", "views / mean of the 5 uploads before and 5 after >= 3", MULTIPLE
)

Scores = Mapping[Definition, Floats]
FAMILIAR: Mapping[Definition, Callable[[Judged], Floats]] = {
    MEDIAN: lambda judged: (judged.views + 1) / (np.median(judged.earlier, axis=1) + 1),
    ROBUST: lambda judged: _robust_z(judged),
}


def familiar(judged: Judged) -> Scores:
    """Scores by the definitions that know nothing of age, nor of other channels."""
    return {definition: score(judged) for definition, score in FAMILIAR.items()}


def ours(judged: Judged, growth: Growth) -> Scores:
    """Scores by the posterior predictive; those of probabilities are ln p / ln 0.01."""
    x = np.log10(judged.views + 1) - judged.share
    found = posterior(
        np.log10(judged.earlier + 1) - judged.earlier_share,
        np.abs(judged.earlier_share - judged.share[:, None]),
        np.ones(judged.earlier.shape, bool),
        judged.codes,
        growth,
    )
    tail = upper_tail((x - found.location) / found.scale, found.df)
    unlikely = np.log(np.maximum(tail, 1e-300)) / np.log(PROBABILITY)
    multiple = 10 ** (x - found.location)
    return {
        EXPECTED: multiple,
        TAIL: unlikely,
        # At least 1 exactly where both conditions hold.
        VERDICT: np.minimum(unlikely, np.log(multiple) / np.log(MULTIPLE)),
    }


def _robust_z(judged: Judged) -> Floats:
    earlier = np.log10(judged.earlier + 1)
    median = np.median(earlier, axis=1)
    mad = np.median(np.abs(earlier - median[:, None]), axis=1)
    z: Floats = (np.log10(judged.views + 1) - median) / np.maximum(1.4826 * mad, _LEAST_SIGMA)
    return z
