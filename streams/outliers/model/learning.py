"""Growth curves and priors out of snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streams.outliers.model import curves, spread
from streams.outliers.model.errors import TooLittleDataError
from streams.outliers.model.growth import Growth
from streams.outliers.model.observations import increments, spans

LEAST_INCREMENTS = 500
LEAST_CHANNELS = 20  # with five videos of one format

Said = Callable[[str], None]


def learn(
    observed: pl.DataFrame, *, facts: Mapping[str, Any] | None = None, said: Said = lambda _: None
) -> Growth:
    """Curves, priors, and the constants of the posterior.

    Args:
        observed: from [`observations`][streams.outliers.model.observations].
        facts: where they are from; kept with the result.
        said: told what is done at the moment.

    Raises:
        TooLittleDataError: there are fewer increments or channels than make sense.
    """
    growths = increments(observed)
    if growths.height < LEAST_INCREMENTS:
        raise TooLittleDataError(
            f"there are {growths.height:,} observations of a video's growth from one snapshot to "
            f"the next; curves need {LEAST_INCREMENTS:,}: let more snapshots be taken"
        )
    said("growth curves")
    start = replace(
        Growth.default(), curves=curves.learned_curves(growths), facts=dict(facts or {})
    )
    start = with_tau2(start, spans(observed))
    return learn_spread(spread.carried(observed, start), start, said=said)


def with_tau2(growth: Growth, grown: pl.DataFrame) -> Growth:
    """The same curves with how far videos differ from them.

    Args:
        grown: from [`spans`][streams.outliers.model.observations.spans].
    """
    return replace(growth, tau2=curves.learned_tau2(grown, said_growth(growth, grown)))


def said_growth(growth: Growth, grown: pl.DataFrame) -> NDArray[np.float64]:
    """What the curves say of each growth of log10 views.

    Args:
        grown: format, category, from_h and to_h.
    """
    codes = growth.codes(grown["format"], grown["category"])
    ends = (growth.log_share(codes, grown[age].to_numpy()) for age in ("to_h", "from_h"))
    return np.subtract(*ends)


def learn_spread(videos: pl.DataFrame, growth: Growth, *, said: Said = lambda _: None) -> Growth:
    """The same curves with priors, forgetting and df of these videos.

    Args:
        videos: from `spread.carried`.

    Raises:
        TooLittleDataError: there are too few channels.
    """
    said("priors")
    counts = videos.group_by("channel_id", "format").len()
    channels = counts.filter(pl.col("len") >= 5)["channel_id"].n_unique()
    if channels < LEAST_CHANNELS:
        raise TooLittleDataError(
            f"{channels:,} channels have five videos of a format; priors need {LEAST_CHANNELS:,}"
        )
    start = replace(growth, priors=spread.learned_priors(videos))
    said("forgetting")
    return spread.fitted(start, spread.described(videos, mixed=True))
