"""Curves of daily views, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Curves:
    """Videos of one vocabulary of categories.

    Attributes:
        daily: views a day, (videos, days); NaN only after the last day that a video has.
        category: place of each video's category in `categories`, -1 where it is not in there.
        categories: the vocabulary.
    """

    daily: Floats
    category: Codes
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.daily)

    def views_by(self, day: int) -> Floats:
        """Views in the first `day` days."""
        found: Floats = self.daily[:, :day].sum(axis=1)
        return found

    def views_between(self, first: int, last: int) -> Floats:
        """Views in the days `first` to `last`, both counted, as far as a video has them."""
        found: Floats = np.nansum(self.daily[:, first - 1 : last], axis=1)
        return found

    def names(self) -> list[str]:
        """Category of each video, "unknown" where it is none of the vocabulary."""
        return [self.categories[code] if code >= 0 else "unknown" for code in self.category]

    def part(self, rows: npt.NDArray[np.bool_]) -> Curves:
        """Some of the videos."""
        return Curves(self.daily[rows], self.category[rows], self.categories)
