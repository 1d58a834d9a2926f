"""Features as numbers: what models compute with, as a frame costs a query for every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features.declared import FEATURES
from streams.virality.features.feature import Feature

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_PLACES = {feature.name: place for place, feature in enumerate(FEATURES)}


@dataclass(frozen=True)
class Numbers:
    """A feature table as one matrix.

    Attributes:
        values: (features, rows) in the order of `FEATURES`, NaN where unknown: a feature lies in
            one piece.
    """

    values: Floats

    @classmethod
    def of(cls, columns: Mapping[str, Floats]) -> Numbers:
        """From a column for each feature, whatever their order."""
        return cls(np.array([columns[feature.name] for feature in FEATURES], np.float64))

    @classmethod
    def of_frame(cls, table: pl.DataFrame) -> Numbers:
        """From `feature_table`."""
        return cls.of({name: table[name].to_numpy() for name in table.columns})

    @property
    def height(self) -> int:
        """How many rows."""
        return int(self.values.shape[1])

    def __getitem__(self, name: str) -> Floats:
        """A feature, one number per row."""
        column: Floats = self.values[_PLACES[name]]
        return column

    def rows(self, which: Rows | npt.NDArray[np.bool_] | slice) -> Numbers:
        """Some rows, by place, flag or slice; a place may come more than once."""
        return Numbers(self.values[:, which])

    def with_columns(self, columns: Mapping[str, Floats]) -> Numbers:
        """The same with other columns in the place of these."""
        values = self.values.copy()
        for name, column in columns.items():
            values[_PLACES[name]] = column
        return Numbers(values)

    def matrix(self, features: Sequence[Feature] = FEATURES) -> Floats:
        """What trees take: (rows, features) in C order.

        Args:
            features: the columns, in this order.
        """
        places = [_PLACES[feature.name] for feature in features]
        return np.ascontiguousarray(self.values[places].T)


def together(parts: Sequence[Numbers]) -> Numbers:
    """Tables one below the other."""
    return Numbers(np.concatenate([part.values for part in parts], axis=1))
