"""A split by time: learn, then calibrate, then test, each on what came later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from streams.virality.training.examples import Examples

CALIBRATE_FROM, TEST_FROM = 0.70, 0.85  # of the moments, in the order of time


@dataclass(frozen=True)
class Split:
    """Two instants.

    What was known before the first is learned from; moments between the two, whose answer was
    known before the second, are calibrated on; moments after the second are what tests see. A
    moment whose answer came on the other side of an instant belongs to nobody.
    """

    calibrate_from: dt.datetime
    test_from: dt.datetime

    @classmethod
    def of(cls, asked: Sequence[pl.DataFrame]) -> Split:
        """Where the shares of moments are.

        Args:
            asked: `Examples.asked` of the stages.
        """
        at = pl.concat([one.select("at") for one in asked]).to_series().sort()
        return cls(*(at[int(share * (at.len() - 1))] for share in (CALIBRATE_FROM, TEST_FROM)))

    def train(self, examples: Examples) -> Examples:
        """What is learned from."""
        return examples.filter(pl.col("known_at") < self.calibrate_from)

    def calibrate(self, examples: Examples) -> Examples:
        """What bands and score are calibrated on."""
        since, until = pl.lit(self.calibrate_from), pl.lit(self.test_from)
        return examples.filter((pl.col("at") >= since) & (pl.col("known_at") < until))

    def test(self, examples: Examples) -> Examples:
        """What metrics are of."""
        return examples.filter(pl.col("at") >= self.test_from)
