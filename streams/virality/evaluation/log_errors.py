"""How far predictions of views are off, in log10, and what their bands cover."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

# Coverage of a smaller group is uncertain by more than 2 points.
ENOUGH_ROWS = 200


def log_errors(predicted: Floats, actual: Floats) -> dict[str, float | int | None]:
    """Errors of logs.

    Args:
        predicted: log10, one per row.
        actual: log10, one per row.

    Returns:
        "rows"; "r2_log10": 1 - squared errors / squared deviations of the actual from their mean,
        null where these are all alike; "mae_log10"; "within_30_percent": share of the rows where
        predicted / actual - 1 is at most 0.3 either way. All null of no rows.
    """
    if not actual.size:
        return {"rows": 0, "r2_log10": None, "mae_log10": None, "within_30_percent": None}
    off = predicted - actual
    spread = float(((actual - actual.mean()) ** 2).sum())
    return {
        "rows": int(actual.size),
        "r2_log10": 1 - float((off**2).sum()) / spread if spread > 0 else None,
        "mae_log10": float(np.abs(off).mean()),
        "within_30_percent": float((np.abs(10**off - 1) <= 0.3).mean()),
    }


def band_facts(
    actual: Floats, lower: Floats, upper: Floats, groups: pl.DataFrame
) -> dict[str, Any]:
    """What bands cover and how wide they are.

    Args:
        actual: log10, one per row; so `lower` and `upper`.
        groups: names of the groups of each row, any columns.

    Returns:
        "coverage", "median_upper_over_lower" (of the views, not their logs); for each column of
        `groups` "by_<column>", a list of the same by group with its "rows", largest first, and
        "worst_<column>", the lowest coverage among those of at least `ENOUGH_ROWS` rows, or null.
    """
    found = pl.DataFrame(
        {"_within": (lower <= actual) & (actual <= upper), "_width": upper - lower}
    )
    rows = found.hstack(groups) if groups.width else found
    facts: dict[str, Any] = {
        "coverage": rows["_within"].mean(),
        "median_upper_over_lower": _width(rows["_width"]),
    }
    for name in groups.columns:
        by_group = (
            rows.group_by(name)
            .agg(
                rows=pl.len(),
                coverage=pl.col("_within").mean(),
                median_upper_over_lower=10.0 ** pl.col("_width").median(),
            )
            .sort(["rows", name], descending=[True, False])
        )
        facts[f"by_{name}"] = by_group.to_dicts()
        facts[f"worst_{name}"] = by_group.filter(pl.col("rows") >= ENOUGH_ROWS)["coverage"].min()
    return facts


def _width(widths: pl.Series) -> float | None:
    middle = widths.median()
    return 10.0**middle if isinstance(middle, float) else None
