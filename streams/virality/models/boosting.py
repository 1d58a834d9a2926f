"""Gradient boosted trees on a feature matrix: LightGBM, one thread, the same trees every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from streams.virality.features import Feature, codes
from streams.virality.models.shares import Shares

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Member:
    """How one set of trees is grown.

    Attributes:
        objective: LightGBM's: "regression" (L2, for R2), "regression_l1" (for the absolute error),
            "huber", "quantile".
        rounds: number of trees.
        options: LightGBM parameters beside `DEFAULTS`, e.g. {"alpha": 0.95} of a quantile.
    """

    objective: str = "regression"
    rounds: int = 400
    options: Mapping[str, float] = field(default_factory=dict)


# Chosen on time-split validation, see docs/decisions/0011-prepublication.md.
DEFAULTS: dict[str, Any] = {
    "num_leaves": 63,
    "learning_rate": 0.04,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "cat_smooth": 20,
    "cat_l2": 10,
    "max_cat_threshold": 16,
}
# The same trees on every machine and run.
_REPEATABLE: dict[str, Any] = {
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


class Boosting:
    """Trees whose predictions are averaged."""

    def __init__(self, features: Sequence[str], models: Sequence[str]) -> None:
        """Take trees that were grown before.

        Args:
            features: names of the matrix's columns, in order.
            models: LightGBM models as text.

        Raises:
            ValueError: no model, or one that was grown on other columns.
        """
        if not models:
            raise ValueError("a boosting has at least one model")
        self.features = tuple(features)
        self.models = tuple(models)
        self._boosters = [lightgbm.Booster(model_str=text) for text in models]
        for booster in self._boosters:
            if tuple(booster.feature_name()) != self.features:
                raise ValueError("the model was grown on other features than these")

    @property
    def boosters(self) -> tuple[lightgbm.Booster, ...]:
        """The sets of trees, for compilers."""
        return tuple(self._boosters)

    def predict(self, matrix: Floats) -> Floats:
        """Mean of the predictions of all members, one per row.

        Args:
            matrix: Float64 with a column per feature, NaN where unknown.
        """
        if not matrix.shape[0]:
            return np.zeros(0)
        total = np.zeros(matrix.shape[0])
        for booster in self._boosters:
            total += booster.predict(matrix, num_threads=1)
        return total / len(self._boosters)

    def contributions(self, matrix: Floats) -> Floats:
        """Exact TreeSHAP values: a column per feature and the base last; a row sums to `predict`.

        Args:
            matrix: Float64 with a column per feature, NaN where unknown.
        """
        return self._shares.of(matrix)

    @cached_property
    def _shares(self) -> Shares:
        return Shares(self._boosters, len(self.features))

    def importance(self) -> dict[str, float]:
        """Share of the total gain by feature, most first."""
        gain = np.sum(
            [booster.feature_importance("gain") for booster in self._boosters], axis=0
        ).astype(np.float64)
        share = gain / max(gain.sum(), 1e-300)
        ranked = sorted(
            zip(share, self.features, strict=True), key=lambda pair: (-pair[0], pair[1])
        )
        return {name: float(part) for part, name in ranked}


def grow(
    matrix: Floats,
    target: Floats,
    features: Sequence[Feature],
    members: Sequence[Member] = (Member(),),
    *,
    weight: Floats | None = None,
    monotone: Mapping[str, int] | None = None,
    seed: int = 1,
) -> Boosting:
    """Grow trees.

    Args:
        matrix: Float64, a row per example and a column per feature, NaN where unknown.
        target: what to predict, finite.
        features: what the columns are.
        members: sets of trees; their predictions are averaged.
        weight: of the examples.
        monotone: by name, 1 for a feature that never lowers a prediction by growing, -1 for one
            that never raises it.
        seed: of the samples of rows and columns; member i uses seed + i.

    Raises:
        ValueError: there is nothing to learn from, or a target is not finite.
    """
    if matrix.shape[0] == 0:
        raise ValueError("there are no rows to learn from")
    if not np.isfinite(target).all():
        raise ValueError("a target is not a finite number")
    names = [feature.name for feature in features]
    data = lightgbm.Dataset(
        matrix,
        target,
        weight=weight,
        feature_name=names,
        categorical_feature=codes(features),
        params={"max_bin": DEFAULTS["max_bin"], **_REPEATABLE},
        free_raw_data=False,
    )
    constraints = [(monotone or {}).get(name, 0) for name in names]
    grown = []
    for number, member in enumerate(members):
        settings = {
            **DEFAULTS,
            **member.options,
            **_REPEATABLE,
            "objective": member.objective,
            "seed": seed + number,
        }
        if any(constraints):
            settings |= {
                "monotone_constraints": constraints,
                "monotone_constraints_method": "basic",
            }
        grown.append(lightgbm.train(settings, data, member.rounds).model_to_string())
    return Boosting(names, grown)
