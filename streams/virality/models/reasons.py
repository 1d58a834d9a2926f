"""Contributions of features in words with numbers.

Shares of features that say the same in several ways (the mean, the median and the last level of a
channel) are added up: SHAP values are additive, so the sum over groups is as exact as that over
features, and one line says it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.virality.features import Feature
from streams.virality.features.vocabulary import CATEGORIES, LANGUAGES

Floats = npt.NDArray[np.float64]
Facts = Mapping[str, float]  # values of features by name; NaN where unknown

SMALLEST = 0.004  # log10: 1 % of the views; less is not worth a line

_CATEGORY_NAMES = {code: name for name, code in CATEGORIES.items()}


@dataclass(frozen=True, slots=True)
class Reason:
    """What one feature, or a group of them, does to a forecast.

    Attributes:
        feature: name of the group, see `GROUPS`.
        contribution: exact SHAP value, log10 views: +0.3 doubles the forecast.
        text: in words with numbers.
    """

    feature: str
    contribution: float
    text: str


def group_of(feature: Feature) -> str:
    """The group that a feature is told in."""
    for group, members in GROUPS.items():
        if feature.name in members:
            return group
    if feature.available_at in ("channel", "horizon"):
        return feature.available_at
    return "title" if feature.name.startswith("title_") else feature.name


def reasons_of(
    features: Sequence[Feature], contributions: Floats, table: Floats, top: int
) -> list[list[Reason]]:
    """What did most to each forecast, the strongest first.

    Args:
        features: the columns.
        contributions: SHAP values, a row per forecast, a column per feature.
        table: the values of the features, NaN where unknown.
        top: so many at most. What does less than `SMALLEST` is not told, nor what the age asked
            for does: that is the question, no reason.
    """
    names = [feature.name for feature in features]
    of = [group_of(feature) for feature in features]
    groups = sorted(set(of) - {"horizon"})
    member = np.array([[one == group for one in of] for group in groups])
    about = {feature.name: feature.about for feature in features}
    summed = contributions @ member.T
    found = []
    for shares, values in zip(summed, table, strict=True):
        facts = dict(zip(names, values.tolist(), strict=True))
        order = np.argsort(-np.abs(shares), kind="stable")[:top]
        found.append(
            [
                Reason(groups[at], float(shares[at]), text(groups[at], shares[at], facts, about))
                for at in order.tolist()
                if abs(shares[at]) >= SMALLEST
            ]
        )
    return found


def text(group: str, contribution: float, facts: Facts, about: Mapping[str, str]) -> str:
    """One reason, such as "12 % more views: the title has 52 characters"."""
    say = _SAID.get(group)
    said = say(facts) if say is not None else f"{about[group]}: {facts[group]:.3g}"
    return f"{_changed(contribution)} views: {said}"


GROUPS: Mapping[str, frozenset[str]] = {
    "horizon": frozenset(("horizon", "usual_growth", "ahead", "stretch", "usual_ahead")),
    "age": frozenset(("age", "observations", "step")),
    "views": frozenset(("views", "level", "rate_of_life", "over_channel", "over_recent")),
    "growth": frozenset(
        (
            "growth", "slope", "slope_before", "slope_first", "velocity", "velocity_before",
            "acceleration", "pace", "at_this_velocity", "at_this_slope",
        )
    ),
    "responses": frozenset(("likes", "comments", "likes_lately", "comments_lately")),
    "language": frozenset(("language", "script")),
    "length": frozenset(("duration", "is_short")),
    "timing": frozenset(("hour", "weekday")),
    "description": frozenset(("description_length", "links")),
}  # fmt: skip


def _changed(log10: float) -> str:
    """A factor as "38 % more", "12 % fewer" or "3.1 times the"."""
    factor = 10**log10
    if factor >= 2:
        return f"{factor:.1f} times the"
    share = factor - 1
    return f"{abs(share):.0%} ".replace("%", " %") + ("more" if share >= 0 else "fewer")


def _known(facts: Facts, names: Iterable[str]) -> str | None:
    """The first of the features that has a value here."""
    return next((name for name in names if not np.isnan(facts.get(name, np.nan))), None)


def _channel(facts: Facts) -> str:
    name = _known(facts, ("channel_recent", "channel_mean", "channel_median"))
    if name is None:
        return "nothing is known of this channel's earlier videos"
    return f"this channel's recent videos had {10 ** facts[name] - 1:,.0f} views at 24 h"


def _views(facts: Facts) -> str:
    over = _known(facts, ("over_recent", "over_channel"))
    age = _age(facts)
    if over is None:
        return f"{10 ** facts['views'] - 1:,.0f} views {age}, and no earlier videos to compare with"
    changed = _changed(facts[over])
    than = "of" if changed.endswith("the") else "than"
    return f"{changed} views {age} {than} this channel's usual"


def _growth(facts: Facts) -> str:
    if np.isnan(facts.get("velocity", np.nan)):
        return f"{10 ** facts['rate_of_life']:,.0f} views an hour since publication"
    said = f"{10 ** facts['velocity'] - 1:,.0f} views an hour lately"
    if not np.isnan(facts.get("acceleration", np.nan)):
        said += f", {10 ** facts['acceleration']:.2f} times the rate before"
    return said


def _responses(facts: Facts) -> str:
    parts = [
        f"{100 * 10 ** facts[name]:.2g} {name} per 100 views"
        for name in ("likes", "comments")
        if not np.isnan(facts.get(name, np.nan))
    ]
    return " and ".join(parts) or "likes and comments are not known"


def _title(facts: Facts) -> str:
    said = f"the title has {facts['title_length']:.0f} characters"
    capitals = facts.get("title_capitals", np.nan)
    return said if np.isnan(capitals) else f"{said}, {100 * capitals:.0f} % of its letters capitals"


def _timing(facts: Facts) -> str:
    day = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    weekday = day[int(facts["weekday"]) - 1]
    minutes = round(facts["hour"] * 60) % (24 * 60)
    return f"published on a {weekday} at {minutes // 60:02d}:{minutes % 60:02d} UTC"


def _length(facts: Facts) -> str:
    if np.isnan(facts["duration"]):
        return "the length is not known"
    return f"the length is {10 ** facts['duration'] - 1:,.0f} s"


def _description(facts: Facts) -> str:
    if np.isnan(facts["description_length"]):
        return "there is no description"
    links = facts.get("links", np.nan)
    said = f"the description has {10 ** facts['description_length'] - 1:,.0f} characters"
    return said if np.isnan(links) else f"{said} and {10**links - 1:.0f} links"


def _category(facts: Facts) -> str:
    if np.isnan(facts["category"]):
        return "the category is not known"
    return f"the category is {_CATEGORY_NAMES.get(int(facts['category']), 'another')}"


def _language(facts: Facts) -> str:
    if np.isnan(facts["language"]):
        return "the language is not known"
    return f"the language is {LANGUAGES[int(facts['language'])]}"


def _tags(facts: Facts) -> str:
    return (
        "tags are not known" if np.isnan(facts["tags"]) else f"there are {facts['tags']:.0f} tags"
    )


def _age(facts: Facts) -> str:
    hours = 10 ** facts["age"]
    return f"in the first {hours:.0f} h" if hours < 72 else f"in the first {hours / 24:.0f} days"


_SAID: Mapping[str, Callable[[Facts], str]] = {
    "channel": _channel,
    "views": _views,
    "growth": _growth,
    "responses": _responses,
    "title": _title,
    "timing": _timing,
    "length": _length,
    "description": _description,
    "category": _category,
    "language": _language,
    "tags": _tags,
    "age": lambda facts: f"observed {facts['observations']:.0f} times {_age(facts)}",
}
