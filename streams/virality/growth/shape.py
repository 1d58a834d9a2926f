"""The shape of a curve of daily views: what there is to know of the days that were observed.

Every number is of the observed days alone, and nearly every one is a ratio to the views so far: how
a video grows depends on its shape, hardly on its size.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.virality.features import CODE, Feature

Floats = npt.NDArray[np.float64]

CATEGORY = "category"

_WINDOWS = (2, 3, 5, 7, 10, 14, 21, 30, 45, 60)  # last days that are looked at together
_MOST_DAYS = 60  # a longer curve has no more columns
_LONG = 14  # days of a window that has more to say than a short one
_FIRST_DAYS = 7
_LAST_DAYS = 14
_WEEK = 7


def shape(daily: Floats, category: npt.NDArray[np.int64]) -> tuple[Floats, tuple[Feature, ...]]:
    """Features of the observed days.

    Args:
        daily: views a day, (videos, observed days), at least one day; no negative ones.
        category: code of each video's category, -1 where unknown.

    Returns:
        Float64 (videos, features), and what the columns are; which there are depends on the number
        of days alone, and not even on that above 60. The category comes first, NaN where unknown.
    """
    days = daily.shape[1]
    total = np.maximum(daily.sum(axis=1), 1.0)
    relative = np.log(daily + 1) - np.log(total)[:, None]
    columns = {
        CATEGORY: np.where(category < 0, np.nan, category),
        "log_total": np.log(total),
        "days": np.full(len(daily), float(days)),
        **_single_days(daily, relative, total),
        **_whole(daily, relative, total),
    }
    for width in _WINDOWS:
        if width <= days:
            columns |= _window(daily, relative, total, width)
    if days > _WEEK:
        columns |= _weekly(relative)
    return np.column_stack(list(columns.values())), tuple(_declared(name) for name in columns)


def _single_days(daily: Floats, relative: Floats, total: Floats) -> dict[str, Floats]:
    """Each of the first and last days, and how much was there by the end of the first ones."""
    days = daily.shape[1]
    reached = np.log(daily.cumsum(axis=1) + 1) - np.log(total)[:, None]
    last = min(days, _LAST_DAYS)
    return {
        **{f"day_{i + 1}": relative[:, i] for i in range(min(days - last, _FIRST_DAYS))},
        **{f"last_day_{i}": relative[:, -i] for i in range(1, last + 1)},
        **{f"reached_by_{i + 1}": reached[:, i] for i in range(min(days - 1, _FIRST_DAYS))},
        **{f"reached_by_{i}": reached[:, i - 1] for i in range(10, min(days, _MOST_DAYS + 1), 10)},
    }


def _whole(daily: Floats, relative: Floats, total: Floats) -> dict[str, Floats]:
    """The curve as a whole: where its mass is, how rough it is, how it falls."""
    days = daily.shape[1]
    if days == 1:
        return {}
    share = daily / total[:, None]
    step = np.diff(relative, axis=1)
    slope, residual = _line(relative, np.log(np.arange(days) + 1.0))
    return {
        "centroid": share @ np.arange(days),
        "entropy": -(share * np.log(share + 1e-9)).sum(axis=1),
        "peak_day": daily.argmax(axis=1).astype(np.float64),
        "peak": relative.max(axis=1),
        "roughness": np.abs(step).mean(axis=1),
        "jump": step.max(axis=1),
        "last_step": step[:, -1],
        "decay": slope,  # exponent of a power law
        "decay_residual": residual,
    }


def _window(daily: Floats, relative: Floats, total: Floats, width: int) -> dict[str, Floats]:
    """The last `width` days: level, spread and slope, and the days before them beside it."""
    days = daily.shape[1]
    last, levels = daily[:, -width:], relative[:, -width:]
    sums = np.log(last.sum(axis=1) + 1)
    found = {f"sum_{width}": sums - np.log(total)}
    if 2 * width <= min(days, _MOST_DAYS):
        before = daily[:, -2 * width : -width].sum(axis=1)
        found[f"ratio_{width}"] = sums - np.log(before + 1)
    if width > 2:
        by_day, _ = _line(levels, np.arange(width, dtype=np.float64))
        by_age, _ = _line(levels, np.log(np.arange(days - width, days) + 1.0))
        found |= {
            f"slope_{width}": by_day,
            f"decay_{width}": by_age,
            f"spread_{width}": levels.std(axis=1),
            f"least_{width}": levels.min(axis=1),
            f"median_{width}": np.median(levels, axis=1),
        }
    if width >= _LONG:
        found |= {
            f"mean_{width}": levels.mean(axis=1),
            f"most_{width}": levels.max(axis=1),
            f"without_views_{width}": (last == 0).mean(axis=1),
        }
    return found


def _weekly(relative: Floats) -> dict[str, Floats]:
    """The last days against the same weekdays a week before, and where in the week the peak is."""
    change = (relative[:, _WEEK:] - relative[:, :-_WEEK])[:, -_WEEK:]
    weeks = min(relative.shape[1] // _WEEK, 4)
    pattern = relative[:, -weeks * _WEEK :].reshape(-1, weeks, _WEEK).mean(axis=1)
    return {
        "week_on_week": change.mean(axis=1),
        "week_swing": pattern.std(axis=1),
        "week_peak": pattern.argmax(axis=1).astype(np.float64),
    }


def _line(values: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Slope of the least squares line through each row, and the spread around it."""
    centred = at - at.mean()
    slope = values @ centred / (centred @ centred)
    residual = values - values.mean(axis=1, keepdims=True) - slope[:, None] * centred
    return slope, residual.std(axis=1)


def _declared(name: str) -> Feature:
    unit = CODE if name == CATEGORY else "1"
    return Feature(name, unit, "request", "observation", name.replace("_", " "))
