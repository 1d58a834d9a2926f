"""What is usual among channels, learned from their videos: priors, forgetting, and their worth.

Levels and spreads of channels are taken from medians, so that hits do not make them. What cannot be
read off so, how soon the past is forgotten and what the prior of the variance is worth, is what
describes each video best given those before it: the posterior predictive's mean logarithm, over a
grid. A share of `_HITS` of the videos is allowed to be far out, or hits would set the scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from streams.outliers.model.growth import ALL, Growth, group_name
from streams.outliers.model.posterior import Posterior, posterior
from streams.outliers.model.priors import LEVELS, Prior

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HISTORY = 40  # videos looked back on
LEAST_CHANNELS = 20  # from which a group has a prior of its own
_LEAST_VIDEOS = 5  # of a channel whose spread is looked at
_PULL = 10.0  # what a wider group is worth, in channels
_LEAST_VARIANCE = 0.003  # (a factor of 1.13 in views) nothing is steadier than that
_MOST = 12_000  # videos that are described, evenly chosen
_HITS, _HIT_SCALE = 0.01, 4.0  # share of videos that are out by so many times the scale
_LENGTHS = (3, 5, 10, 20, HISTORY)  # of histories, in turn: short ones matter as well
_FORGETTING = (1.0, 0.98, 0.96, 0.94, 0.92, 0.9, 0.87, 0.84, 0.8, 0.75)
_DF = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 40.0, 80.0)
_FACTORS = (0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.6, 2.0, 2.5)


class Described(NamedTuple):
    """Videos with their channel's earlier ones.

    Attributes:
        x: (videos,) log10(views + 1) carried to 90 days.
        earlier: (videos, HISTORY) the same of the earlier ones, newest last.
        carried: (videos, HISTORY) how far they were carried from the video's age.
        valid: (videos, HISTORY) whether there is one.
        codes: (videos,) groups.
    """

    x: Floats
    earlier: Floats
    carried: Floats
    valid: NDArray[np.bool_]
    codes: Integers

    def of(self, growth: Growth) -> Posterior:
        """What was to be expected."""
        return posterior(self.earlier, self.carried, self.valid, self.codes, growth)


def carried(observed: pl.DataFrame, growth: Growth) -> pl.DataFrame:
    """The last observation of each video, carried to 90 days, in the order of publication.

    Args:
        observed: from `observations`.

    Returns:
        channel_id, format, category, published_at, x and share (Float64), code Int64.
    """
    last = observed.group_by("video_id", maintain_order=True).last()
    codes = growth.codes(last["format"], last["category"])
    share = growth.log_share(codes, last["age_h"].to_numpy())
    return (
        last.with_columns(
            pl.col("x") - pl.Series(share), pl.Series("share", share), pl.Series("code", codes)
        )
        .sort("channel_id", "format", "published_at", "video_id")
        .select("channel_id", "format", "category", "published_at", "x", "share", "code")
    )


def learned_priors(videos: pl.DataFrame) -> dict[str, Prior]:
    """Priors of all videos, of formats, and of their categories with enough channels.

    Args:
        videos: from `carried`.
    """
    spread = 1.4826 * (pl.col("x") - pl.col("x").median()).abs().median()
    channels = (
        videos.with_columns(pl.col("category").fill_null(""))
        .group_by("channel_id", "format", maintain_order=True)
        .agg(
            pl.col("category").mode(maintain_order=True).first(),
            pl.col("x").median().alias("level"),
            spread.alias("spread"),
            pl.len().alias("videos"),
        )
        .filter(pl.col("videos") >= _LEAST_VIDEOS)
    )
    general = _prior(channels, None)
    priors = {ALL: general}
    for format, some in _groups(channels, "format"):
        wider = _prior(some, general)
        priors[group_name(format, None)] = wider
        for category, fewer in _groups(some.filter(pl.col("category") != ""), "category"):
            priors[group_name(format, category)] = _prior(fewer, wider)
    return priors


def described(videos: pl.DataFrame, *, mixed: bool = False) -> Described:
    """Videos that have earlier ones, at most `_MOST` of them.

    Args:
        videos: from `carried`.
        mixed: look back on histories of several lengths, in turn.
    """
    series = videos.select(pl.struct("channel_id", "format").rle_id()).to_series().to_numpy()
    place = np.arange(len(series))
    start = np.searchsorted(series, series)
    judged = np.flatnonzero(place > start)
    judged = judged[:: max(-(-len(judged) // _MOST), 1)]
    at = judged[:, None] + np.arange(-HISTORY, 0)
    least = start[judged]
    if mixed:
        lengths = np.array(_LENGTHS)[np.arange(len(judged)) % len(_LENGTHS)]
        least = np.maximum(least, judged - lengths)
    valid = at >= least[:, None]
    at = np.where(valid, at, 0)
    x, share = videos["x"].to_numpy(), videos["share"].to_numpy()
    return Described(
        x[judged],
        x[at],
        np.abs(share[at] - share[judged][:, None]),
        valid,
        videos["code"].to_numpy()[judged],
    )


def fitted(growth: Growth, videos: Described) -> Growth:
    """The same curves and priors, with the forgetting, df and variances that describe best."""
    base = growth.priors

    def with_(forgetting: float, df: float, factor: float) -> Growth:
        priors = {
            name: replace(
                prior,
                df=df,
                # Between channels nothing changes: a larger variance within is a stronger mean.
                strength=round(prior.strength * factor, 6),
                variance=tuple(round(one * factor, 6) for one in prior.variance),
            )
            for name, prior in base.items()
        }
        return replace(growth, forgetting=forgetting, priors=priors)

    @cache
    def score(forgetting: float, df: float, factor: float) -> float:
        return mean_log_score(videos, with_(forgetting, df, factor))

    forgetting, df, factor = 1.0, 4.0, 1.0
    for _ in range(2):  # one after another; a third round finds nothing new
        forgetting = max(_FORGETTING, key=lambda one: score(one, df, factor))
        factor = max(_FACTORS, key=lambda one: score(forgetting, df, one))
        df = max(_DF, key=lambda one: score(forgetting, one, factor))
    return with_(forgetting, df, factor)


def mean_log_score(videos: Described, growth: Growth) -> float:
    """Mean natural logarithm of the predictive density; the larger the better."""
    return float(log_scores(videos.x, videos.of(growth)).mean())


def log_scores(x: Floats, found: Posterior) -> Floats:
    """Natural logarithm of the predictive density of each."""
    z = (x - found.location) / found.scale
    usual = _density(z, found.df)
    hit = _density(z / _HIT_SCALE, found.df) / _HIT_SCALE
    density = ((1 - _HITS) * usual + _HITS * hit) / found.scale
    scores: Floats = np.log(np.maximum(density, 1e-12))
    return scores


def _density(t: Floats, df: Floats) -> Floats:
    """Of Student's t; SciPy's own checks its arguments for longer than it computes."""
    log_factor = special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - np.log(np.pi * df) / 2
    density: Floats = np.exp(log_factor - (df + 1) / 2 * np.log1p(t * t / df))
    return density


def _groups(channels: pl.DataFrame, column: str) -> Iterator[tuple[str, pl.DataFrame]]:
    for (name,), some in channels.sort(column).group_by(column, maintain_order=True):
        if some.height >= LEAST_CHANNELS:
            yield str(name), some


def _prior(channels: pl.DataFrame, wider: Prior | None) -> Prior:
    """Of channels with level and spread, drawn towards the wider group's."""
    level, variance = channels["level"].to_numpy(), channels["spread"].to_numpy() ** 2
    logs = np.log(np.maximum(variance, _LEAST_VARIANCE))
    overall = logs.mean()
    count = len(level)
    knots = []
    for at, knot in enumerate(LEVELS):
        # A channel counts for the two levels that it lies between.
        near = np.clip(1 - np.abs(np.clip(level, LEVELS[0], LEVELS[-1]) - knot), 0, None)
        towards = overall if wider is None else np.log(wider.variance[at])
        knots.append((near @ logs + _PULL * towards) / (near.sum() + _PULL))
    mean, between = float(level.mean()), float(level.var())
    if wider is not None:
        mean = (count * mean + _PULL * wider.mean) / (count + _PULL)
        between = max(between, 0.05)
    typical = float(np.exp(overall))
    strength = float(np.clip(typical / max(between, 1e-3), 0.01, 5.0))
    return Prior(
        round(mean, 6), round(strength, 6), 4.0, tuple(round(float(np.exp(k)), 6) for k in knots)
    )
