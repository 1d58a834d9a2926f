"""The familiar definitions of an outlier, each with its formula, beside the one that is tested.

They compare counts as last observed and know nothing of age, chance or the day's other tests; what
they cannot be computed from is null with a reason, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

LONGEST_SHORT_S = 180  # the format's border, as the detector has it
OTHERS = 50  # newest other videos of the channel that a median is made of
AROUND = 10
FEWEST = 3  # others below which a median says nothing

FORMULAS: dict[str, str] = {
    "multiple": "(views + 1) / (expected_views + 1): what is usual for the channel, at this age "
    "and in this format; docs/outliers.md",
    "tail_probability": "P(a usual video of the channel has so many views or more), by the "
    "posterior predictive distribution at the video's age",
    "q_value": "Benjamini-Hochberg over all videos judged that day (UTC): min over j >= i of "
    "p_(j) * tests / j",
    "views_per_median": "latest_views / median(latest views of the channel's other videos of the "
    f"format, the {OTHERS} newest)",
    "views_per_subscriber_100": "latest_views / subscribers * 100",
    "velocity": "latest_views / hours from publication to observed_at",
    "velocity_24h": "(latest_views - earlier views) / hours between them, the earlier observation "
    "being the one nearest to 24 h before, 12 to 36 h",
    "vs_surrounding_10": f"latest_views / mean(latest views of the {AROUND} uploads around it, "
    "any format)",
    "seven_day_multiple": "views at 7 d / median(views at 7 d of the channel's other videos of the "
    "format), each observed within 12 h of that age",
}


class Familiar(NamedTuple):
    """What there is of a video.

    Attributes:
        figures: by the names of `FORMULAS`, and latest_views and observed_at; null with a reason.
        reasons: why a figure is null.
    """

    figures: dict[str, Any]
    reasons: dict[str, str]


class _Unknown(Exception):
    """A figure cannot be computed; the message says why."""


def familiar(row: Mapping[str, Any] | None) -> Familiar:
    """The figures of one video.

    Args:
        row: of the statement `outliers.familiar`; None where the video is not among the videos.
    """
    figures: dict[str, Any] = {
        "latest_views": None if row is None else row["views"],
        "observed_at": None if row is None else row["observed_at"],
    }
    reasons: dict[str, str] = {}
    for name, compute in _FIGURES.items():
        try:
            if row is None:
                raise _Unknown("no observation of this video is in the tables")
            if row["views"] is None:
                raise _Unknown("its views are hidden, or were never observed")
            figures[name] = compute(row)
        except _Unknown as unknown:
            figures[name] = None
            reasons[name] = str(unknown)
    return Familiar(figures, reasons)


def _views_per_median(row: Mapping[str, Any]) -> float:
    return _over_median(row["views"], row["usual_n"], row["usual_median"], "with known views")


def _views_per_subscriber(row: Mapping[str, Any]) -> float:
    subscribers = row["subscribers"]
    if not row["channel_observed"]:
        raise _Unknown("the channel was never observed")
    if subscribers is None:
        raise _Unknown("the channel hides its subscribers")
    if subscribers == 0:
        raise _Unknown("the channel has no subscribers")
    return float(row["views"] / subscribers * 100)


def _velocity(row: Mapping[str, Any]) -> float:
    hours = (row["observed_at"] - row["published_at"]).total_seconds() / 3600
    if hours <= 0:
        raise _Unknown("it was observed before its publication")
    return float(row["views"] / hours)


def _velocity_24h(row: Mapping[str, Any]) -> float:
    if row["earlier_at"] is None:
        raise _Unknown("no observation 12 to 36 h before the latest is known")
    hours = (row["observed_at"] - row["earlier_at"]).total_seconds() / 3600
    return float((row["views"] - row["earlier_views"]) / hours)


def _vs_surrounding(row: Mapping[str, Any]) -> float:
    if row["around_n"] < AROUND:
        raise _Unknown(f"only {row['around_n']} other uploads with views are known, not {AROUND}")
    if row["around_mean"] == 0:
        raise _Unknown("the uploads around it have no views")
    return float(row["views"] / row["around_mean"])


def _seven_day_multiple(row: Mapping[str, Any]) -> float:
    if row["week_views"] is None:
        raise _Unknown("no observation within 12 h of 7 days of age is known")
    return _over_median(
        row["week_views"], row["week_n"], row["week_median"], "observed at 7 days of age"
    )


def _over_median(views: int, count: int, median: float | None, known: str) -> float:
    if count < FEWEST or median is None:
        raise _Unknown(f"only {count} other videos of the format {known}, fewer than {FEWEST}")
    if median == 0:
        raise _Unknown("the median of the others is 0")
    return float(views / median)


_FIGURES = {
    "views_per_median": _views_per_median,
    "views_per_subscriber_100": _views_per_subscriber,
    "velocity": _velocity,
    "velocity_24h": _velocity_24h,
    "vs_surrounding_10": _vs_surrounding,
    "seven_day_multiple": _seven_day_multiple,
}
