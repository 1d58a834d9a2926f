"""Whether what is asked today is like what was learned from.

PSI (population stability index): sum over bins of (p - q) ln(p / q), with bins at the deciles of
the training window and one for unknown values. By custom below 0.1 nothing moved, above 0.25 much.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from streams.virality.features import CODE, Feature
from streams.virality.training.fit import table_of
from streams.virality.training.train import Trained

Floats = npt.NDArray[np.float64]

_BINS = 10
_LEAST = 1e-4  # a share of 0 has no logarithm


def drift(trained: Trained) -> dict[str, list[dict[str, Any]]]:
    """PSI of each feature, training window against test window: [{feature, psi}], most first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for stage, windows in trained.windows.items():
        before, after = table_of(windows.train), table_of(windows.test)
        columns = trained.bundle.stages[stage].features
        figures: list[dict[str, Any]] = [
            {"feature": one.name, "psi": psi(before[one.name], after[one.name], one)}
            for one in columns
        ]
        found[stage] = sorted(figures, key=lambda one: (-one["psi"], one["feature"]))
    return found


def psi(before: Floats, after: Floats, feature: Feature) -> float:
    """The index of one feature, NaN where unknown; 0 where nothing moved."""
    known = before[~np.isnan(before)]
    if feature.unit == CODE:
        edges = np.unique(known)
    elif known.size:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1]))
    else:
        edges = np.zeros(0)
    p, q = (_shares(part, edges) for part in (before, after))
    return float(((p - q) * np.log(p / q)).sum())


def _shares(values: Floats, edges: Floats) -> Floats:
    """Share of each bin; the last is of unknown values."""
    unknown = np.isnan(values)
    bins = np.searchsorted(edges, values[~unknown], side="right")
    counts = np.append(np.bincount(bins, minlength=edges.size + 1), unknown.sum())
    return np.maximum(counts / max(values.size, 1), _LEAST)
