"""Lists of structs as flat arrays with groups, and sums over groups that are always the same.

A sum over a group adds its members one after the other, in their order (numpy's bincount), so it
is the same to the last bit whatever else is in the table.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Grouped:
    """Members of groups, one group after the other."""

    def __init__(self, lengths: Integers) -> None:
        """Lay out groups of so many members."""
        self.groups = lengths.size
        self.lengths = lengths
        self.group = np.repeat(np.arange(lengths.size), lengths)
        self.ends = np.cumsum(lengths)
        # 0 is the last member of its group, which is the newest.
        self.from_end = self.ends[self.group] - 1 - np.arange(self.group.size)

    def members(self, groups: Integers) -> Integers:
        """Places of the members of some groups, one group after the other."""
        lengths = self.lengths[groups]
        ends = np.cumsum(lengths)
        return np.arange(lengths.sum()) + np.repeat(self.ends[groups] - ends, lengths)

    def of_group(self, values: Floats) -> Floats:
        """Values of groups, repeated for their members."""
        return values[self.group]

    def total(self, values: Floats) -> Floats:
        """Sum of each group; 0 where it is empty."""
        return np.bincount(self.group, weights=values, minlength=self.groups).astype(np.float64)

    def mean(self, values: Floats, weights: Floats | None = None) -> Floats:
        """Weighted mean of each group; NaN where it has no weight. NaN values do not count."""
        known = ~np.isnan(values)
        weights = known.astype(np.float64) if weights is None else np.where(known, weights, 0.0)
        of = self.total(np.where(known, values, 0.0) * weights)
        by = self.total(weights)
        mean = np.full(self.groups, np.nan)
        np.divide(of, by, out=mean, where=by > 0)
        return mean

    def newest(self, values: Floats, back: int = 0) -> Floats:
        """The member `back` places before the last of each group; NaN where there is none."""
        out = np.full(self.groups, np.nan)
        chosen = self.from_end == back
        out[self.group[chosen]] = values[chosen]
        return out

    def oldest(self, values: Floats) -> Floats:
        """The first member of each group; NaN where there is none."""
        out = np.full(self.groups, np.nan)
        some = self.lengths > 0
        out[some] = values[(self.ends - self.lengths)[some]]
        return out

    def ordered(self, values: Floats) -> Floats:
        """The values of each group in ascending order."""
        return values[np.lexsort((values, self.group))]

    def quantile(self, ordered: Floats, share: float) -> Floats:
        """Nearest-rank quantile of each group, between the two middle ones; NaN where empty.

        Args:
            ordered: from `ordered`, none of them NaN.
            share: between 0 and 1.
        """
        out = np.full(self.groups, np.nan)
        some = self.lengths > 0
        rank = share * (self.lengths[some] - 1)
        start = (self.ends - self.lengths)[some]
        low, high = (
            ordered[start + np.floor(rank).astype(int)],
            ordered[start + np.ceil(rank).astype(int)],
        )
        out[some] = low + (high - low) * (rank - np.floor(rank))
        return out


class Ragged(Grouped):
    """The members of a column of lists."""

    def __init__(self, lists: pl.Series) -> None:
        """Flatten.

        Args:
            lists: List(Struct), never null.
        """
        super().__init__(lists.list.len().to_numpy().astype(np.int64))
        members = lists.filter(pl.Series(self.lengths > 0)).explode(empty_as_null=False)
        # Columns: taking a field out of a struct costs a query each time.
        self._members = members.struct.unnest()

    def where(self, kept: Flags) -> Ragged:
        """The same groups with only some of their members."""
        some = Ragged.__new__(Ragged)
        lengths = np.bincount(self.group[kept], minlength=self.groups).astype(np.int64)
        Grouped.__init__(some, lengths)
        some._members = self._members.filter(pl.Series(kept))
        return some

    def text(self, name: str) -> pl.Series:
        """A field of the members as it is."""
        return self._members[name]

    def numbers(self, name: str) -> Floats:
        """A field of the members; NaN where it is null."""
        return self.text(name).cast(pl.Float64).to_numpy()

    def hours(self, name: str) -> Floats:
        """A field of times in hours since 1970; NaN where it is null."""
        return self.text(name).cast(pl.Int64).cast(pl.Float64).to_numpy() / 3.6e9
