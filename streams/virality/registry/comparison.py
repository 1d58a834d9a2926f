"""Whether one model is better than another: a paired bootstrap over videos.

Both forecast the same moments. Per video the mean difference of their absolute errors (log10
views) is taken, for moments of one video err alike; the mean over videos is drawn again and again
with replacement (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

FEWEST_VIDEOS = 50
DRAWS = 2_000
CONFIDENCE = 0.95  # of the interval, both sides together

_AT_ONCE = 100  # draws whose indices are in memory together


@dataclass(frozen=True, slots=True)
class Comparison:
    """A candidate beside the model that serves, on the same rows.

    Attributes:
        videos: compared.
        rows: forecasts of each of the two.
        candidate, serving: mean absolute errors, log10 views, each video weighing the same.
        difference: candidate less serving; below zero the candidate is better.
        lower, upper: its 95 % interval.
        since: the earliest moment, ISO 8601; None without rows.
    """

    videos: int
    rows: int
    candidate: float
    serving: float
    difference: float
    lower: float
    upper: float
    since: str | None = None

    @property
    def enough(self) -> bool:
        """Whether there are enough videos to tell anything."""
        return self.videos >= FEWEST_VIDEOS

    @property
    def better(self) -> bool:
        """Whether the candidate is better beyond doubt."""
        return self.enough and self.upper < 0

    @property
    def text(self) -> str:
        """For a person."""
        if not self.enough:
            return f"{self.videos} videos can be compared, {FEWEST_VIDEOS} are needed"
        return (
            f"mean error {self.candidate:.4f} against {self.serving:.4f} (log10 views) on "
            f"{self.videos:,} videos; difference {self.difference:+.4f}, 95 % interval "
            f"{self.lower:+.4f} to {self.upper:+.4f}"
        )

    def as_json(self) -> dict[str, Any]:
        """As evidence of a promotion."""
        return {**asdict(self), "better": self.better}


def compare(errors: pl.DataFrame, *, seed: int = 1, draws: int = DRAWS) -> Comparison:
    """Compare two models by their errors; the same rows and seed give the same answer.

    Args:
        errors: `video_id`; `candidate` and `serving`, absolute errors in log10 views; `at`, the
            moments. Rows in which one of the errors is null are left out.
    """
    usable = errors.drop_nulls(["candidate", "serving"])
    videos = (
        usable.group_by("video_id")
        .agg(pl.col("candidate", "serving").mean())
        .sort("video_id")  # the order of groups is nobody's; draws are by place
    )
    if videos.is_empty():
        nothing = float("nan")
        return Comparison(0, 0, nothing, nothing, nothing, nothing, nothing)
    difference = (videos["candidate"] - videos["serving"]).to_numpy()
    lower, upper = np.quantile(
        _means(difference, seed, draws), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    )
    since = usable["at"].min()
    return Comparison(
        videos=videos.height,
        rows=usable.height,
        candidate=float(videos["candidate"].to_numpy().mean()),
        serving=float(videos["serving"].to_numpy().mean()),
        difference=float(difference.mean()),
        lower=float(lower),
        upper=float(upper),
        since=since.isoformat() if since is not None else None,  # type: ignore[union-attr]
    )


def _means(values: np.ndarray, seed: int, draws: int) -> np.ndarray:
    generator = np.random.Generator(np.random.PCG64(seed))
    means = []
    for at in range(0, draws, _AT_ONCE):
        count = min(_AT_ONCE, draws - at)
        means.append(values[generator.integers(values.size, size=(count, values.size))].mean(1))
    return np.concatenate(means)
