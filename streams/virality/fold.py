"""Engagement events into totals, decayed rates and unique viewers per video."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.avro_types import TIMESTAMP, frame_schema
from schemas.catalogue import ENGAGEMENT
from streams.columnar import hyperloglog
from streams.columnar.fold import ROW, Folded, first_of_each
from streams.virality.decay import TIME_CONSTANTS, weights
from streams.virality.score import scored

_KIND = frame_schema(ENGAGEMENT.schema)["kind"]
_KINDS: list[str] = _KIND.categories.to_list()  # type: ignore[attr-defined]
_COUNTED = {
    "views": "view",
    "dislikes": "dislike",
    "comments": "comment",
    "shares": "share",
    "saves": "save",
    "impressions": "impression",
}
_NEVER = np.iinfo(np.int64).min
_FOREVER = np.iinfo(np.int64).max

_TOTALS = (*_COUNTED, "likes", "watch_ms")
_NUMBERS = [*_TOTALS, *(f"views_{suffix}" for suffix in TIME_CONSTANTS)]
_STANDS = pl.col("as_of").to_physical().fill_null(_NEVER)
_SINCE = pl.col("since").to_physical().fill_null(_FOREVER)

Integers = npt.NDArray[np.int64]

Forecasts = Callable[[pl.DataFrame], pl.DataFrame]


class ViralityFold:
    """State per video: totals, decayed views with the time at which they stand, and who viewed.

    Sums and maxima, so the order of events does not matter.

    Args:
        forecasts: puts forecasts over scored rows, where there are any; None leaves them as they
            are.
    """

    state = pl.Schema(
        {
            "video_id": pl.String(),
            "channel_id": pl.String(),
            "as_of": TIMESTAMP,
            **{
                name: pl.Int64()
                for name in (
                    "views",
                    "likes",
                    "dislikes",
                    "comments",
                    "shares",
                    "saves",
                    "impressions",
                    "watch_ms",
                )
            },
            **{f"views_{suffix}": pl.Float64() for suffix in TIME_CONSTANTS},
            "since": TIMESTAMP,
            "viewers": pl.Binary(),
        }
    )
    columns = ("video_id", "channel_id", "viewer_id", "occurred_at", "kind", "watch_ms")

    def __init__(self, forecasts: Forecasts | None = None) -> None:
        self._forecasts = forecasts

    def __call__(self, rows: pl.DataFrame, events: pl.DataFrame) -> Folded:
        """Add the events to the rows."""
        row = events[ROW].to_numpy().astype(np.int64)
        added = _totals(row, events, rows.height)
        rows = rows.with_columns(
            pl.col(_NUMBERS).fill_null(0), _STANDS, _SINCE
        )  # one call: each costs
        stood = rows["as_of"].to_numpy()
        times = events["occurred_at"].to_physical().to_numpy()
        stands = stood.copy()
        np.maximum.at(stands, row, times)
        since = rows["since"].to_numpy().copy()
        np.minimum.at(since, row, times)
        view = (events["kind"] == "view").to_numpy()
        viewers = events["viewer_id"].filter(pl.Series(view))
        return Folded(
            rows.with_columns(
                pl.coalesce("channel_id", first_of_each(row, events["channel_id"], rows.height)),
                pl.Series("as_of", stands).cast(TIMESTAMP),
                pl.Series("since", since).cast(TIMESTAMP),
                *(rows[name] + pl.Series(name, total) for name, total in added.items()),
                *_moved(rows, stood, stands, row[view], times[view]),
                hyperloglog.added(rows["viewers"], row[view], viewers).fill_null(b""),
            )
        )

    def render(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with unique viewers, score, velocity, acceleration and reasons."""
        transparent = scored(rows.with_columns(unique_viewers(rows)))
        return transparent if self._forecasts is None else self._forecasts(transparent)


def unique_viewers(rows: pl.DataFrame) -> pl.Expr:
    """`unique_viewers` Int64: distinct viewers, estimated; never above the views, which are exact.

    Args:
        rows: state rows.
    """
    estimate = pl.Series("unique_viewers", hyperloglog.estimated(rows["viewers"]))
    return pl.min_horizontal(estimate.round().cast(pl.Int64), "views")


def _totals(row: Integers, events: pl.DataFrame, count: int) -> dict[str, Integers]:
    """What the events add to each of the `count` rows."""
    kind = events["kind"].cast(_KIND).to_physical().to_numpy().astype(np.int64)
    # One pass counts every (row, kind) pair.
    kinds = np.bincount(row * len(_KINDS) + kind, minlength=count * len(_KINDS))
    table = kinds.reshape(count, len(_KINDS)).astype(np.int64)
    watched = events["watch_ms"].fill_null(0).to_numpy()
    return {
        **{name: table[:, _KINDS.index(kind)] for name, kind in _COUNTED.items()},
        "likes": table[:, _KINDS.index("like")] - table[:, _KINDS.index("unlike")],
        # Floats hold integers up to 2^53 exactly: 285,000 years of watching a chunk.
        "watch_ms": np.bincount(row, weights=watched, minlength=count).astype(np.int64),
    }


def _moved(
    rows: pl.DataFrame, stood: Integers, stands: Integers, viewed: Integers, times: Integers
) -> list[pl.Series]:
    """Decayed views of each row at `stands`: what stood before moved there, and the new ones."""
    known = stood != _NEVER
    columns = []
    for suffix, tau in TIME_CONSTANTS.items():
        name = f"views_{suffix}"
        total = np.zeros(rows.height)
        total += np.bincount(
            viewed, weights=weights(times, stands[viewed], tau), minlength=rows.height
        )
        before = rows[name].to_numpy()
        total[known] += before[known] * weights(stood[known], stands[known], tau)
        columns.append(pl.Series(name, total))
    return columns
