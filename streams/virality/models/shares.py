"""Exact SHAP values of boosted trees, all paths at a time.

A leaf is reached by whoever meets the condition that its path sets to each of its m features; where
a feature is not told, by the share z of the examples that met it. The game of one leaf is thus a
product, v * prod(o_j if told else z_j) with o_j 1 where the condition is met, else 0. The Shapley
value of such a game is an integral over the chance t with which others are told (Owen, Multilinear
extensions of games, Management Science 1972):

    v (o_i - z_i) * integral from 0 to 1 of prod over j != i of (z_j + t (o_j - z_j)) dt,

a polynomial in t of degree m - 1, which Gauss and Legendre's rule of ceil(m / 2) points integrates
exactly. The sum over leaves and trees is what TreeSHAP with the examples' paths computes (Lundberg
and others, Nature Machine Intelligence 2020), here without a walk through every tree for each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_ZERO = 1e-35  # LightGBM's kZeroThreshold


class Shares:
    """The paths of some boosters, laid out so that numpy walks them together. Immutable.

    A row at a time: its figures stay in the processor's cache.

    Args:
        boosters: whose mean is explained.
        features: how many columns they look at.
    """

    def __init__(self, boosters: Sequence[lightgbm.Booster], features: int) -> None:
        paths = _Paths(len(boosters))
        for booster in boosters:
            for tree in booster.dump_model()["tree_info"]:
                paths.add(tree["tree_structure"])
        self._base = paths.base
        self._questions = _Questions(paths.nodes)
        by_points = sorted(paths.by_points().items())
        self._classes = [_Class.of(some, points) for points, some in by_points]
        elements = [literals for one in self._classes for literals in one.literals]
        always = len(paths.nodes)
        self._first = np.array([(*literals, always)[0] for literals in elements], np.int64)
        self._further = _further(elements)
        of = [feature for one in self._classes for feature in one.feature]
        # What pads short paths is of no feature, and zero.
        where = (np.array(of, np.int64) % (features + 1), np.arange(len(of)))
        self._by_feature = csr_matrix((np.ones(len(of)), where), (features + 1, len(of)))

    def of(self, matrix: Floats) -> Floats:
        """A column per feature and the base last; a row sums to the boosters' mean.

        Args:
            matrix: Float64 with a column per feature, NaN where unknown.
        """
        found = np.empty((matrix.shape[0], self._by_feature.shape[0]))
        for place, row in enumerate(matrix):
            found[place] = self._of_row(row)
        found[:, -1] = self._base
        return found

    def _of_row(self, row: Floats) -> Floats:
        answers = self._questions.answers(row)
        met = answers[self._first]
        for elements, literals in self._further:
            met[elements] &= answers[literals]
        told = met.astype(np.float64)
        values = np.empty_like(told)
        start = 0
        for one in self._classes:
            end = start + len(one.feature)
            values[start:end] = one.values(told[start:end])
            start = end
        return np.asarray(self._by_feature @ values)


def _further(elements: Sequence[list[int]]) -> list[tuple[Places, Places]]:
    """Elements with a second literal, and which; then those with a third, and so on."""
    found = []
    for number in range(1, max(map(len, elements), default=0)):
        some = [place for place, literals in enumerate(elements) if len(literals) > number]
        found.append((np.array(some), np.array([elements[place][number] for place in some])))
    return found


@dataclass
class _Path:
    value: float
    conditions: dict[int, tuple[float, list[int]]]  # by feature: share, literals


@dataclass
class _Paths:
    """Leaves of trees, and the nodes on the way to them.

    A literal is a node's place for "goes left", its complement for "goes right".
    """

    boosters: int
    nodes: list[dict[str, Any]] = field(default_factory=list)
    paths: list[_Path] = field(default_factory=list)
    base: float = 0.0

    def add(self, tree: dict[str, Any]) -> None:
        """Take a tree as LightGBM dumps it."""
        if "split_feature" not in tree:
            self.base += tree["leaf_value"] / self.boosters
            return
        self._walk(tree, {}, float(tree["internal_count"]))

    def _walk(
        self, node: dict[str, Any], way: dict[int, tuple[float, list[int]]], total: float
    ) -> None:
        if "split_feature" not in node:
            value = node["leaf_value"] / self.boosters
            self.base += value * node["leaf_count"] / total
            self.paths.append(_Path(value, way))
            return
        place, feature = len(self.nodes), node["split_feature"]
        self.nodes.append(node)
        for child, literal in ((node["left_child"], place), (node["right_child"], ~place)):
            share, literals = way.get(feature, (1.0, []))
            share *= _count(child) / node["internal_count"]
            self._walk(child, {**way, feature: (share, [*literals, literal])}, total)

    def by_points(self) -> dict[int, list[_Path]]:
        """The paths by how many points their integrals take."""
        found: dict[int, list[_Path]] = {}
        for path in self.paths:
            found.setdefault((len(path.conditions) + 1) // 2, []).append(path)
        return found


def _count(node: dict[str, Any]) -> float:
    return float(node["internal_count"] if "split_feature" in node else node["leaf_count"])


@dataclass(frozen=True)
class _Class:
    """Paths of up to 2 n features, n points each: elements are ordered by place, then by path.

    Attributes:
        literals: of each element; those that pad are always met.
        feature: of each element; -1 of those that pad.
    """

    literals: list[list[int]]
    feature: list[int]
    share: Floats  # (2 n, paths)
    value: Floats  # of the leaf of each path
    points: list[tuple[float, float]]  # place and weight

    @classmethod
    def of(cls, paths: Sequence[_Path], points: int) -> _Class:
        """Lay paths out."""
        size = 2 * points
        padded = [
            [(feature, *found) for feature, found in path.conditions.items()]
            + [(-1, 1.0, [])] * (size - len(path.conditions))
            for path in paths
        ]
        ordered = [path[place] for place in range(size) for path in padded]
        places, weights = np.polynomial.legendre.leggauss(points)
        return cls(
            [literals for _, _, literals in ordered],
            [feature for feature, _, _ in ordered],
            np.array([share for _, share, _ in ordered]).reshape(size, -1),
            np.array([path.value for path in paths]),
            list(zip(((places + 1) / 2).tolist(), (weights / 2).tolist(), strict=True)),
        )

    def values(self, told: Floats) -> Floats:
        """Shapley values of the elements, from which of them are met (1 or 0)."""
        away = told.reshape(self.share.shape) - self.share
        integral = np.zeros_like(away)
        for at, weight in self.points:
            chance = at * away
            chance += self.share
            whole = np.multiply.reduce(chance, axis=0)
            whole *= weight
            np.divide(whole, chance, out=chance)
            integral += chance
        integral *= away
        integral *= self.value
        return integral.reshape(-1)


class _Questions:
    """What the nodes ask of a row."""

    def __init__(self, nodes: Sequence[dict[str, Any]]) -> None:
        self._nodes = len(nodes)
        self._feature = np.array([node["split_feature"] for node in nodes], np.int64)
        named = [node["decision_type"] == "==" for node in nodes]
        self._named = np.flatnonzero(named)
        limits = [
            np.inf if one else float(node["threshold"])
            for node, one in zip(nodes, named, strict=True)
        ]
        self._limit = np.array(limits)
        missing = np.array([node["missing_type"] for node in nodes])
        self._unknown_is_zero = missing == "None"
        self._zero_is_unknown = missing == "Zero"
        self._default_left = np.array([bool(node["default_left"]) for node in nodes], np.bool_)
        sets = [
            {int(code) for code in nodes[at]["threshold"].split("||")}
            for at in self._named.tolist()
        ]
        most = max((max(one) for one in sets), default=0)
        # One more, for codes beyond them and for what is unknown: these go right.
        self._left = np.zeros((len(sets), most + 2), np.bool_)
        for row, codes in enumerate(sets):
            self._left[row, sorted(codes)] = True

    def answers(self, row: Floats) -> Flags:
        """Of each literal: by a node's place, by its complement, and, in the middle, True."""
        asked = row[self._feature]
        unknown = np.isnan(asked)
        left = np.where(unknown & self._unknown_is_zero, 0.0, asked) <= self._limit
        unknown |= self._zero_is_unknown & (np.abs(asked) <= _ZERO)
        left = np.where(unknown & ~self._unknown_is_zero, self._default_left, left)
        if self._named.size:
            left[self._named] = self._of_names(asked[self._named])
        answers = np.empty(2 * self._nodes + 1, np.bool_)
        answers[: self._nodes] = left
        answers[self._nodes] = True
        answers[self._nodes + 1 :] = ~left[::-1]
        return answers

    def _of_names(self, codes: Floats) -> Flags:
        beyond = self._left.shape[1] - 1
        known = (codes > -1) & (codes < beyond)  # false where NaN
        place = np.where(known, codes, beyond).astype(np.int64)
        return self._left[np.arange(place.size), place]
