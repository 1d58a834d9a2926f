"""Are verdicts of short histories those of long ones? Measured on whole upload lists.

Each upload with at least `LONG` earlier ones of its channel is judged by its last 40, 20, 10 and 5,
by every definition. The verdict of the 40 is what the shorter ones should find. Definitions flag
different shares of the uploads, and it is easier to agree on many than on few; so agreement is
measured at each definition's own threshold, at the flag rate of its own 40, and at one rate for
all, that of three times the median.

Priors are of other channels: the channels are dealt into `FOLDS`, and each fold is judged with
priors learned from the rest. The curves are those that ship: from one count per video none can be
learned.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streams.outliers.formats import UNKNOWN
from streams.outliers.model.definitions import AROUND, MEDIAN, Definition, Judged, familiar, ours
from streams.outliers.model.errors import EvaluationError, TooLittleDataError
from streams.outliers.model.growth import Growth
from streams.outliers.model.learning import Said, learn_spread
from streams.outliers.model.uploads import uploads_of

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Integers = NDArray[np.int64]

LONG = 40
SHORT = (5, 10, 20)
FOLDS = 5
_BLOCK = 50_000  # uploads judged at once
_OF_OTHERS, _SHIPPED = "priors of the file's other channels", "priors that ship"

Scored = dict[tuple[Definition, int], Floats]


def evaluate(
    table: pl.DataFrame, seen_at: dt.datetime | None = None, *, said: Said = lambda _: None
) -> dict[str, Any]:
    """Flag rates of every definition, and how far short histories agree with long ones.

    Args:
        table: see `uploads.uploads_of`; so `seen_at`.
        said: told what is done at the moment.

    Raises:
        EvaluationError: the table cannot be used, or no channel has more than 40 uploads.
    """
    uploads = uploads_of(table, seen_at)
    videos = uploads.videos
    at = np.flatnonzero((videos["place"] >= LONG).to_numpy())
    if not len(at):
        longest = videos["place"].max() if videos.height else None
        raise EvaluationError(
            f"no channel has more than {LONG} usable uploads (the longest list has "
            f"{0 if longest is None else int(str(longest)) + 1}): whole upload lists are needed"
        )
    growth = Growth.default()
    codes = growth.codes(
        pl.Series([UNKNOWN]), pl.Series([None], dtype=pl.String)
    )  # a file tells neither format nor category
    share = growth.log_share(np.full(videos.height, codes[0]), videos["age_h"].to_numpy())
    carried = videos.select(
        "channel_id",
        pl.lit(UNKNOWN).alias("format"),
        pl.lit(None, pl.String).alias("category"),
        pl.col("published").alias("published_at"),
        pl.col("x") - pl.Series(share),
        pl.Series("share", share),
        pl.lit(int(codes[0])).alias("code"),
    )
    channel = videos["channel_id"].rle_id().to_numpy().astype(np.int64)
    learned, note = _of_others(carried, channel % FOLDS, growth, said)
    said("judging")
    scored = _scored(videos["views"].to_numpy(), share, at, int(codes[0]), familiar)
    results: list[tuple[str | None, Scored]] = [(None, scored)]
    for name, growths in ((_OF_OTHERS, learned), (_SHIPPED, [growth] * FOLDS)):
        if growths is not None:
            results.append((name, _by_fold(videos, share, at, channel, int(codes[0]), growths)))
    median = scored[MEDIAN, LONG] >= MEDIAN.threshold
    rows = [
        row for priors, found in results for row in _agreement(found, priors, median, channel[at])
    ]
    return {
        "rows": table.height,
        "left out": uploads.left_out,
        "channels": int(channel[-1]) + 1,
        "channels judged": len(np.unique(channel[at])),
        "uploads judged": len(at),
        "earlier uploads": {"long": LONG, "short": list(SHORT)},
        "views taken to be of": uploads.seen_at.isoformat(),
        "age": "by curves that ship; the familiar definitions know of none",
        "growth": growth.version,
        "priors": note,
        "forgetting": {
            _SHIPPED: growth.forgetting,
            _OF_OTHERS: [one.forgetting for one in learned or []],
        },
        "flag rates": [
            *_flag_rates(results),
            _around(videos["views"].to_numpy(), at, channel),
        ],
        "short against long": rows,
    }


def _of_others(
    carried: pl.DataFrame, fold: Integers, growth: Growth, said: Said
) -> tuple[list[Growth] | None, str]:
    """For each fold what is learned from the other folds' channels."""
    learned = []
    for one in range(FOLDS):
        said(f"priors without fold {one + 1} of {FOLDS}")
        try:
            learned.append(learn_spread(carried.filter(pl.Series(fold != one)), growth))
        except TooLittleDataError as error:
            return None, f"only those that ship: {error}"
    return learned, f"of the file's other channels, in {FOLDS} folds; and those that ship"


def _judged(views: Floats, share: Floats, at: Integers, history: int, code: int) -> Judged:
    before = at[:, None] + np.arange(-history, 0)
    return Judged(views[at], views[before], share[at], share[before], np.full(len(at), code))


def _scored(
    views: Floats,
    share: Floats,
    at: Integers,
    code: int,
    scores: Callable[[Judged], Mapping[Definition, Floats]],
) -> Scored:
    """Scores by definition and length of history."""
    found: dict[tuple[Definition, int], list[Floats]] = {}
    for history in (LONG, *SHORT):
        for start in range(0, len(at), _BLOCK):
            part = _judged(views, share, at[start : start + _BLOCK], history, code)
            for definition, score in scores(part).items():
                found.setdefault((definition, history), []).append(score)
    return {key: np.concatenate(parts) for key, parts in found.items()}


def _by_fold(
    videos: pl.DataFrame,
    share: Floats,
    at: Integers,
    channel: Integers,
    code: int,
    growths: Iterable[Growth],
) -> Scored:
    views = videos["views"].to_numpy()
    whole: Scored = {}
    for one, growth in enumerate(growths):
        mine = channel[at] % FOLDS == one
        if not mine.any():
            continue
        some = _scored(views, share, at[mine], code, partial(ours, growth=growth))
        for key, score in some.items():
            whole.setdefault(key, np.empty(len(at)))[mine] = score
    return whole


def _flag_rates(results: list[tuple[str | None, Scored]]) -> list[dict[str, Any]]:
    return [
        {
            "definition": definition.name,
            "priors": priors,
            "formula": definition.formula,
            "history": history,
            "flagged": float((score >= definition.threshold).mean()),
        }
        for priors, scored in results
        for (definition, history), score in scored.items()
    ]


def _around(views: Floats, at: Integers, channel: Integers) -> dict[str, Any]:
    """The flag rate against neighbours on both sides, where there are five after."""
    last = np.minimum(at + 5, len(views) - 1)
    inner = at[(channel[last] == channel[at]) & (last == at + 5)]
    sides = np.concatenate([np.arange(-5, 0), np.arange(1, 6)])
    mean = views[inner[:, None] + sides].mean(axis=1)
    flagged = views[inner] >= AROUND.threshold * np.maximum(mean, 1e-9)
    return {
        "definition": AROUND.name,
        "priors": None,
        "formula": AROUND.formula,
        "history": 10,
        "flagged": float(flagged.mean()) if len(inner) else None,
    }


def _agreement(
    scored: Scored, priors: str | None, median: Booleans, channel: Integers
) -> list[dict[str, Any]]:
    rows = []
    for (definition, history), score in scored.items():
        if history == LONG:
            continue
        against = scored[definition, LONG]
        truth, flagged = against >= definition.threshold, score >= definition.threshold
        at_one_rate = _top(against, int(median.sum()))
        rows.append(
            {
                "definition": definition.name,
                "priors": priors,
                "history": history,
                "flagged by 40": float(truth.mean()),
                "own threshold": {
                    "flagged": float(flagged.mean()),
                    "recall": _share(truth & flagged, truth, channel)[0],
                    "precision": _share(truth & flagged, flagged, channel)[0],
                },
                # As many are flagged as should be: recall and precision are one figure.
                "same flag rate": _same_rate(truth, score, channel),
                "flag rate of views / median": _same_rate(at_one_rate, score, channel),
                "against views / median of 40": _same_rate(median, score, channel),
            }
        )
    return rows


def _same_rate(truth: Booleans, score: Floats, channel: Integers) -> dict[str, float | None]:
    flagged = _top(score, int(truth.sum()))
    agreed, error = _share(truth & flagged, truth, channel)
    return {
        "flagged": float(truth.mean()),
        "recall": agreed,
        "precision": agreed,
        "standard error": error,
    }


def _top(score: Floats, count: int) -> Booleans:
    """The highest scores; of equal ones those that come first."""
    flagged = np.zeros(len(score), bool)
    flagged[np.argsort(-score, kind="stable")[:count]] = True
    return flagged


def _share(part: Booleans, whole: Booleans, channel: Integers) -> tuple[float | None, float | None]:
    """Part / whole, and its standard error: channels are independent, their uploads are not."""
    if not whole.any():
        return None, None
    share = float(part.sum() / whole.sum())
    off = np.bincount(channel, part - share * whole)
    return share, float(np.sqrt((off**2).sum()) / whole.sum())
