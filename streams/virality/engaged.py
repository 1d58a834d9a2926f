"""Forecasts of videos whose viewers' own events are counted here: made now and then, kept beside.

What is rendered may depend on them, state does not. A forecast is made anew when the video's views
or its age have grown by a tenth since the last one, or the model has changed; of a flush the videos
that have grown most come first, and those beyond its budget wait for their next row. So scores keep
up with a million events a second, whatever a model costs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.forecasts.model import PREDICTED, Model, Serving, answered, reasons
from streams.virality.forecasts.moments import OLDEST
from streams.virality.moments import MOMENT
from streams.virality.reference.channels import Channels
from streams.virality.reference.uploads import Known, Uploads

GROWTH = 1.1
BUDGET = 300  # forecasts of a flush: a tenth of a second
_EXPLAINED = 8  # of them, those with the best scores

_FIGURES = (*PREDICTED, "score")
_OLDEST_US = OLDEST // OLDEST.resolution

_TEXTS = pl.List(pl.String())

Integers = npt.NDArray[np.int64]


class EngagedForecasts:
    """Puts forecasts in the place of transparent scores, where the video's upload is known.

    Belongs to one thread at a time. What it remembers is lost with the process, and made again.

    Args:
        serving: which model serves.
        uploads: of the videos.
        channels: whose histories they have.
        budget: forecasts made at most in one call.
    """

    def __init__(
        self, serving: Serving, uploads: Uploads, channels: Channels, budget: int = BUDGET
    ) -> None:
        self._serving = serving
        self._uploads = uploads
        self._channels = channels
        self._budget = budget
        self._version = ""
        self._forget()

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows, with forecasts where there are any.

        Args:
            rows: of distinct videos, with the columns of `score.scored`.
        """
        if not len(self._uploads) or rows.is_empty():
            return rows
        known = self._uploads.known(rows["video_id"])
        at = np.flatnonzero(known.slots >= 0)
        if not len(at):
            return rows
        model = self._serving.serving
        if model.version != self._version:
            self._version = model.version
            self._forget()
        self._reserve(int(known.slots.max()) + 1)
        self._renew(model, rows, known, at)
        return self._put(rows, known.slots, at)

    def _forget(self) -> None:
        self._views = np.full(0, -1.0)  # at the last forecast; negative without one
        self._age = np.zeros(0)  # microseconds
        self._figures = np.zeros((0, len(_FIGURES)))
        self._explained = np.zeros(0, dtype=np.bool_)
        self._told: dict[int, list[str]] = {}

    def _reserve(self, end: int) -> None:
        if end <= len(self._views):
            return
        size = max(end, 2 * len(self._views))
        more = size - len(self._views)
        self._views = np.concatenate([self._views, np.full(more, -1.0)])
        self._age = np.concatenate([self._age, np.zeros(more)])
        self._explained = np.concatenate([self._explained, np.zeros(more, dtype=np.bool_)])
        self._figures = np.concatenate([self._figures, np.full((more, len(_FIGURES)), np.nan)])

    def _renew(self, model: Model, rows: pl.DataFrame, known: Known, at: Integers) -> None:
        """Make the forecasts that are due, as many as the budget has room for."""
        slots = known.slots[at]
        age = rows["as_of"].to_physical().to_numpy()[at] - known.published[at]
        views = rows["views"].to_numpy()[at].astype(np.float64)
        before = self._views[slots]
        # A view or two more of a few are a tenth, too: those of many say more.
        grown = np.where(before < 0, np.inf, np.maximum(views / np.maximum(before, 1.0), 1.0))
        aged = age / np.maximum(self._age[slots], 1.0)
        due = (age >= 0) & (age <= _OLDEST_US) & ((grown >= GROWTH) | (aged >= GROWTH))
        places = np.flatnonzero(due)
        if len(places) > self._budget:
            weight = np.minimum(np.maximum(grown, aged), 100.0)[places] * np.log1p(
                views[places] + 1
            )
            places = places[np.argsort(-weight, kind="stable")[: self._budget]]
        if len(places):
            self._make(model, rows[at[places]], slots[places])
            self._views[slots[places]] = views[places]
            self._age[slots[places]] = age[places]

    def _make(self, model: Model, rows: pl.DataFrame, slots: Integers) -> None:
        moments = self._channels.told(self._moments(rows))
        said = answered(model, moments)
        self._figures[slots] = said.select(_FIGURES).fill_null(np.nan).to_numpy()
        score = said["score"].fill_null(-1).to_numpy()
        best = np.argsort(-score, kind="stable")[:_EXPLAINED]
        for slot in slots[self._explained[slots]].tolist():
            del self._told[slot]
        self._explained[slots] = False
        for slot, texts in zip(slots[best].tolist(), reasons(model, moments[best]), strict=True):
            if texts:
                self._told[slot] = texts
                self._explained[slot] = True

    def _moments(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Moments of the rows: what their uploads say, and the counts of their events so far."""
        counted = pl.struct(
            pl.col("as_of").alias("at"),
            "views",
            pl.col("likes").clip(lower_bound=0),
            "comments",
        )
        told = self._uploads.rows(rows["video_id"])
        own = rows.select(
            pl.col("channel_id").alias("_channel_id"),
            pl.col("as_of").alias("at"),
            pl.concat_list(counted).alias("observed"),
            pl.lit([], MOMENT["history"]).alias("history"),
        )
        both = pl.concat([told, own], how="horizontal").with_columns(
            pl.coalesce("channel_id", "_channel_id").alias("channel_id"),
            pl.col("title").fill_null(""),
        )
        return both.select(pl.col(name).cast(dtype) for name, dtype in MOMENT.items())

    def _put(self, rows: pl.DataFrame, slots: Integers, at: Integers) -> pl.DataFrame:
        """Lay forecasts over the rows that have one."""
        have = at[self._views[slots[at]] >= 0]
        figures = self._figures[slots[have]]
        there = ~np.isnan(figures[:, -1])
        have, figures = have[there], figures[there]
        if not len(have):
            return rows
        scored = np.zeros(rows.height, dtype=np.bool_)
        scored[have] = True
        laid = [pl.Series("_scored", scored)]
        for place, name in enumerate(_FIGURES):
            column = np.full(rows.height, np.nan)
            column[have] = figures[:, place]
            laid.append(pl.Series(f"_{name}", column, nan_to_null=True))
        both = rows.with_columns(laid)
        mine = pl.col("_scored")
        both = both.with_columns(
            *(
                pl.when(mine).then(pl.col(f"_{name}")).otherwise(pl.col(name)).alias(name)
                for name in _FIGURES
            ),
            pl.when(mine)
            .then(pl.lit(self._version))
            .otherwise(pl.col("model_version"))
            .alias("model_version"),
        )
        return both.with_columns(self._reasons(rows, slots, have)).select(rows.columns)

    def _reasons(self, rows: pl.DataFrame, slots: Integers, have: Integers) -> pl.Series:
        """The model's reasons where it gave any; else those of the figures, which still hold."""
        told = have[self._explained[slots[have]]]
        if not len(told):
            return rows["reasons"]
        texts = pl.Series([self._told[slot] for slot in slots[told].tolist()], dtype=_TEXTS)
        where = np.full(rows.height, -1, dtype=np.int64)
        where[told] = np.arange(len(told))
        places = pl.Series(where).replace(-1, None)
        laid = pl.DataFrame({"told": texts.gather(places), "reasons": rows["reasons"]})
        return laid.select(pl.coalesce("told", "reasons").alias("reasons")).to_series()
