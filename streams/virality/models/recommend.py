"""Recommendations: what the model says would become of the video if its maker changed something.

A counterfactual through the model, nothing else: it says what such videos had, not what the change
would cause. Only changes that every member of the model agrees on, to values that were common in
training, and that gain at least ten per cent are told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features import Numbers
from streams.virality.features.numbers import together

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Members = Callable[[Numbers], list[Floats]]

SMALLEST_GAIN = 0.10  # of the views

_LENGTHS_S = (20, 45, 90, 170, 300, 480, 720, 1200, 1800, 3600)
_TITLE_CHARACTERS = (25, 40, 55, 70, 90)
_TAGS = (5, 10, 20, 30)

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A change that raises the forecast.

    Attributes:
        input: duration_s, hour_utc, title_length or tags.
        current, suggested: its value as it is, and as it might be.
        gain: of the forecast views, as a share: 0.2 is a fifth more.
        text: in words with numbers.
    """

    input: str
    current: float
    suggested: float
    gain: float
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One input set to one value.

    Attributes:
        input: which.
        value: to what.
        feature: the feature that must stay in its common range.
    """

    input: str
    value: float
    feature: str


# Changes of moments; those of titles are changes of features, as nobody knows the new title.
_OF_MOMENTS = (
    *(Change("duration_s", seconds, "duration") for seconds in _LENGTHS_S),
    *(Change("hour_utc", hour, "hour") for hour in range(24)),
    *(Change("tags", count, "tags") for count in _TAGS),
)
_OF_TITLES = tuple(
    Change("title_length", characters, "title_length") for characters in _TITLE_CHARACTERS
)


def changes_within(ranges: Mapping[str, tuple[float, float]]) -> tuple[Change, ...]:
    """The changes of moments whose feature has a common range; what has none is not changed."""
    return tuple(change for change in _OF_MOMENTS if change.feature in ranges)


def changed(moments: pl.DataFrame, changes: Sequence[Change]) -> pl.DataFrame:
    """What can be changed of moments, with the first change made to them, then the second, ...

    Args:
        moments: `MOMENT`, before publication.

    Returns:
        `published_at`, `duration_s` and `tag_count`, as `features.varied` takes them.
    """
    count = moments.height
    every = np.tile(np.arange(count), len(changes))
    values = np.repeat([change.value for change in changes], count)
    of = np.repeat([change.input for change in changes], count)
    return pl.DataFrame(
        [
            _moved(moments["published_at"][every], of == "hour_utc", values),
            _set(moments["duration_s"][every], of == "duration_s", values),
            _set(moments["tag_count"][every], of == "tags", values),
        ]
    )


def judged(
    moments: pl.DataFrame,
    as_is: Numbers,
    other: Numbers,
    members: Members,
    ranges: Mapping[str, tuple[float, float]],
) -> list[list[Recommendation]]:
    """Recommendations for each moment, the greatest gain first; mostly none.

    Args:
        moments: `MOMENT`, before publication.
        as_is: features of the moments.
        other: features of what `changed` makes of them by `changes_within(ranges)`.
        members: what each member of the model forecasts of features, log10 views.
        ranges: of a feature, from where to where it was common in training; what is not named is
            not changed.
    """
    titles = _OF_TITLES if "title_length" in ranges else ()
    changes = (*changes_within(ranges), *titles)
    if not changes:
        return [[] for _ in range(moments.height)]
    rows = together([as_is, other, _with_titles(as_is, titles)])
    asked = [part.reshape(-1, moments.height) for part in members(rows)]
    # The least that a member of the model says: they all have to agree.
    gains = np.min([10 ** (part[1:] - part[0]) - 1 for part in asked], axis=0)
    told = (gains >= SMALLEST_GAIN) & _common(rows, changes, ranges, moments.height)
    current = moments.select_seq(_CURRENT)
    found: list[list[Recommendation]] = [[] for _ in range(moments.height)]
    for name in dict.fromkeys(change.input for change in changes):
        places = [place for place, change in enumerate(changes) if change.input == name]
        now = current[name].to_numpy()
        gain = np.where(told[places] & ~np.isnan(now), gains[places], -np.inf)
        best = gain.argmax(axis=0)
        for row in np.flatnonzero(gain.max(axis=0) > -np.inf).tolist():
            change = changes[places[best[row]]]
            found[row].append(_recommendation(change, float(now[row]), float(gain[best[row], row])))
    return [sorted(some, key=lambda one: -one.gain) for some in found]


def _common(
    rows: Numbers,
    changes: Sequence[Change],
    ranges: Mapping[str, tuple[float, float]],
    height: int,
) -> Flags:
    """Whether what a change comes to was common in training: (changes, moments).

    Args:
        rows: the moments as they are, then with the first change, and so on.
    """
    reached = np.array(
        [rows[change.feature][(at + 1) * height :][:height] for at, change in enumerate(changes)]
    )
    low, high = np.array([ranges[change.feature] for change in changes]).T[:, :, None]
    return np.asarray((low <= reached) & (reached <= high))


def _set(column: pl.Series, where: Flags, values: Floats) -> pl.Series:
    """A column with other values in some places."""
    other = pl.Series(column.name, values).cast(column.dtype)
    return other.zip_with(pl.Series(where), column)


def _moved(published_at: pl.Series, where: Flags, hour: Floats) -> pl.Series:
    """The next time that it is so late: not before what was planned."""
    at = published_at.cast(pl.Int64).to_numpy()
    later = at - at % _DAY_US + np.where(where, hour, 0).astype(np.int64) * _HOUR_US
    later += np.where(later < at, _DAY_US, 0)
    return pl.Series(published_at.name, np.where(where, later, at)).cast(published_at.dtype)


def _with_titles(as_is: Numbers, changes: Sequence[Change]) -> Numbers:
    """Features with titles of other lengths, of as many words in proportion."""
    every = as_is.rows(np.tile(np.arange(as_is.height), len(changes)))
    length = np.repeat([change.value for change in changes], as_is.height).astype(np.float64)
    words = every["title_words"] * length / np.maximum(every["title_length"], 1)
    return every.with_columns({"title_length": length, "title_words": np.maximum(words.round(), 1)})


# What each input is now; null where it is not known.
_CURRENT = [
    now.cast(pl.Float64).alias(name)
    for name, now in {
        "duration_s": pl.col("duration_s"),
        "hour_utc": pl.col("published_at").dt.hour(),
        "tags": pl.col("tag_count"),
        "title_length": pl.col("title").str.len_chars(),
    }.items()
]


def _recommendation(change: Change, current: float, gain: float) -> Recommendation:
    words = {
        "duration_s": "a length of {} instead of {}",
        "hour_utc": "publication at {} UTC instead of {}",
        "tags": "{} tags instead of {}",
        "title_length": "a title of {} characters instead of {}",
    }[change.input].format(_said(change.input, change.value), _said(change.input, current))
    text = f"{gain:.0%} more views with {words}".replace("%", " %")
    return Recommendation(change.input, current, change.value, gain, text)


def _said(name: str, value: float) -> str:
    if name == "hour_utc":
        return f"{value:.0f}:00"
    if name == "duration_s":
        return f"{value:.0f} s" if value < 120 else f"{value / 60:.0f} min"
    return f"{value:.0f}"
