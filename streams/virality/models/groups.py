"""Groups of videos that bands are calibrated in: category and size of the channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features import Numbers

Names = list[tuple[str, str]]  # of a group: its category and its size
Places = npt.NDArray[np.int64]

NEW, FEW = "new", "few"
_SIZES = (NEW, FEW, "small", "middle", "large")
_FEW_VIDEOS = 5
_SMALL, _LARGE = 50_000, 250_000  # usual views of a video at 24 h


def grouped(table: Numbers) -> tuple[Names, Places]:
    """The groups at hand, and the place of each row's among them.

    The category is its code or "unknown"; the size is "new" for a channel of which no earlier video
    was observed, "few" for one of fewer than 5, else by its median views at 24 h "small" (under
    50,000), "middle", "large" (from 250,000).
    """
    videos = table["channel_videos"]
    usual = 10 ** table["channel_median"] - 1
    size = np.select(
        [videos == 0, videos < _FEW_VIDEOS, usual < _SMALL, usual < _LARGE], [0, 1, 2, 3], 4
    )
    category = np.nan_to_num(table["category"], nan=-1).astype(np.int64)
    codes, place = np.unique(category * len(_SIZES) + size, return_inverse=True)
    names = []
    for code in codes.tolist():
        category_code, size_code = divmod(code, len(_SIZES))
        known = "unknown" if category_code < 0 else str(category_code)
        names.append((known, _SIZES[size_code]))
    return names, place


def groups(table: Numbers) -> pl.DataFrame:
    """The group of each row as a frame: `category` and `size`, String."""
    names, place = grouped(table)
    known = pl.DataFrame(names, schema={"category": pl.String, "size": pl.String}, orient="row")
    return known[place]
