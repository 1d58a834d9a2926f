"""Forecasts of moments: views to come, a score, reasons, recommendations."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features import FEATURES, Numbers, feature_numbers, features_and_past, varied
from streams.virality.features.channel import Past
from streams.virality.models import bundle
from streams.virality.models.bands import rising
from streams.virality.models.bundle import Bundle, Description
from streams.virality.models.reasons import Reason, reasons_of
from streams.virality.models.recommend import Recommendation, changed, changes_within, judged
from streams.virality.models.score import tail
from streams.virality.models.stage import Band, StageModel, asked_at

__all__ = ["HORIZONS_H", "Answer", "Forecaster", "Reason", "Recommendation"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

HORIZONS_H = {"24h": 24.0, "7d": 168.0, "30d": 720.0}  # ages at which views are forecast
BEFORE, AFTER = "before", "after"

_AGES = np.array(list(HORIZONS_H.values()))
_SCORED_H = (168.0, 720.0)  # the score is of the first of these ages that is not over
_DEFAULT = Path(__file__).parent / "default"


class Answer(NamedTuple):
    """All that a model says of moments: the results of `forecast`, `explain` and `recommend`."""

    forecast: pl.DataFrame
    reasons: list[list[Reason]]
    recommendations: list[list[Recommendation]]


class Forecaster:
    """A model ready for use. Immutable, and safe between threads.

    Attributes:
        version: name and checksum of what it is made of.
        description: what it says of itself.
    """

    def __init__(self, version: str, parts: Bundle) -> None:
        self.version = version
        self.description: Description = parts.description
        self._stages = parts.stages
        self._thresholds = parts.thresholds

    @classmethod
    def load(cls, folder: Path, *, compiled: Path | None = None) -> Forecaster:
        """The model in a folder.

        Args:
            compiled: where compiled models are (`Settings.home / "compiled"`); None is without.

        Raises:
            BundleError: it cannot be used; the message says what to do.
        """
        return cls(*bundle.load(folder, compiled))

    @classmethod
    def default(cls, *, compiled: Path | None = None) -> Forecaster:
        """The model that ships; docs/virality.md says what it was trained on."""
        return cls.load(_DEFAULT, compiled=compiled)

    @property
    def is_compiled(self) -> bool:
        """Whether all of it predicts by machine code."""
        return all(
            trees.is_compiled
            for stage in self._stages.values()
            for trees in (stage.point, stage.low, stage.high)
        )

    def compile(self, folder: Path) -> None:
        """Compile what is not compiled yet; whoever loads it later uses it.

        Raises:
            NotCompiledError: the folder may be written by others.
        """
        for stage in self._stages.values():
            for trees in (stage.point, stage.low, stage.high):
                trees.compile(folder)

    def forecast(self, moments: pl.DataFrame) -> pl.DataFrame:
        """Views to come and the score.

        Args:
            moments: `MOMENT`.

        Returns:
            One row per moment: `predicted_views_24h`, `_7d`, `_30d`, each also with `_lower` and
            `_upper`, the ends of its 90 % band, Float64: views at that age, null where the video is
            older. Lower <= predicted <= upper, and none falls with the age asked for. `score`
            Float64, 0 to 100: the probability, calibrated, that at an age of 7 days (30, where 7
            are over) the video is in the top decile of its channel's history (models.score).
            `stage` String: "before" while no views are known, else "after".
        """
        return self._forecast(moments, *features_and_past(moments, _AGES[0]))

    def answer(self, moments: pl.DataFrame, top: int = 5) -> Answer:
        """All that there is to say, at less than the cost of asking for each: features are made
        once.

        Args:
            moments: `MOMENT`.
            top: so many reasons at most.
        """
        table, past = features_and_past(moments, _AGES[0])
        return Answer(
            self._forecast(moments, table, past),
            self._explain(moments, table, top),
            self._recommend(moments, table, past),
        )

    def _forecast(self, moments: pl.DataFrame, table: Numbers, past: Past) -> pl.DataFrame:
        """`forecast`, of features that are made already, of any age asked for."""
        age_h = _age_h(moments)
        ages = np.tile(_AGES, (moments.height, 1))
        band = self._band(table, ages)
        over = ages <= age_h[:, None]
        columns = {}
        views = [np.where(over, np.nan, 10**ends - 1) for ends in band]
        for place, name in enumerate(HORIZONS_H):
            for end, values in zip(("", "_lower", "_upper"), views, strict=True):
                columns[f"predicted_views_{name}{end}"] = values[:, place]
        columns["score"] = self._score(past, table, band, age_h)
        stage = [BEFORE if unseen else AFTER for unseen in _unseen(table).tolist()]
        said = pl.DataFrame(columns, dict.fromkeys(columns, pl.Float64), nan_to_null=True)
        return said.hstack([pl.Series("stage", stage, pl.String)])

    def at(self, moments: pl.DataFrame, horizon_h: Floats) -> Band:
        """log10 of 1 + views at any age, one per moment, with a 90 % band; for measures and tests.

        Args:
            horizon_h: age in hours, one per moment, not below the moment's.
        """
        table = feature_numbers(moments, horizon_h)
        band = self._band(table, horizon_h[:, None])
        return Band(*(ends[:, 0] for ends in band))

    def score_at(self, moments: pl.DataFrame, horizon_h: Floats, band: Band) -> Floats:
        """The score, 0 to 100, that goes with a forecast at any age."""
        threshold = self._thresholds.at(moments, horizon_h)
        raw = tail(threshold, *band)
        unseen = moments["observed"].list.eval(pl.element().struct.field("views")).list.max()
        return self._calibrated(raw, unseen.is_null().to_numpy())

    def explain(self, moments: pl.DataFrame, top: int = 5) -> list[list[Reason]]:
        """What made each forecast (that of the score): the strongest first (models.reasons).

        Args:
            moments: `MOMENT`.
            top: so many reasons at most.
        """
        return self._explain(moments, feature_numbers(moments, _AGES[0]), top)

    def _explain(self, moments: pl.DataFrame, table: Numbers, top: int) -> list[list[Reason]]:
        asked = _scored_h(_age_h(moments))
        table = asked_at(table, asked)
        found: list[list[Reason]] = [[] for _ in range(moments.height)]
        for stage, rows in self._by_stage(table):
            part = table.rows(rows)
            shares, _ = stage.contributions(part, asked[rows])
            values = part.matrix(stage.features)
            told = reasons_of(stage.features, shares, values, top)
            for row, reasons in zip(rows.tolist(), told, strict=True):
                found[row] = reasons
        return found

    def contributions(self, moments: pl.DataFrame, horizon_h: float) -> pl.DataFrame:
        """Exact shares of features in the forecast of one age.

        Returns:
            One row per moment: `base`, one column per feature (0 where its stage has it not), all
            Float64 in log10 views: they sum to `raw`, log10 of 1 + the views forecast, before it is
            held to be no less than the views that there are and no less than at an earlier age.
        """
        table = feature_numbers(moments, horizon_h)
        asked = np.full(moments.height, horizon_h)
        names = ("raw", "base", *(feature.name for feature in FEATURES))
        columns: dict[str, Floats] = {name: np.zeros(moments.height) for name in names}
        for stage, rows in self._by_stage(table):
            part = table.rows(rows)
            shares, base = stage.contributions(part, asked[rows])
            columns["base"][rows] = base
            columns["raw"][rows] = np.mean(stage.members(part, asked[rows]), axis=0)
            for place, feature in enumerate(stage.features):
                columns[feature.name][rows] = shares[:, place]
        return pl.DataFrame(columns)

    def recommend(self, moments: pl.DataFrame) -> list[list[Recommendation]]:
        """Changes to what is not published yet that raise the forecast; mostly none.

        Only for moments before publication: what is out can hardly be changed. See
        `models.recommend`.
        """
        return self._recommend(moments, *features_and_past(moments, _AGES[0]))

    def _recommend(
        self, moments: pl.DataFrame, table: Numbers, past: Past
    ) -> list[list[Recommendation]]:
        """`recommend`, of features that are made already."""
        found: list[list[Recommendation]] = [[] for _ in range(moments.height)]
        rows = np.flatnonzero(_planned(moments))
        if not rows.size:
            return found
        stage = self._stages[BEFORE]
        asked = _SCORED_H[0]

        def members(table: Numbers) -> list[Floats]:
            ages = np.full(table.height, asked)
            return stage.members(asked_at(table, ages), ages)

        plans = moments if rows.size == moments.height else moments[rows]
        as_is = table.rows(rows)
        other = varied(as_is, past.rows(rows), changed(plans, changes_within(stage.ranges)))
        told = judged(plans, as_is, other, members, stage.ranges)
        for row, changes in zip(rows.tolist(), told, strict=True):
            found[row] = changes
        return found

    def _band(self, table: Numbers, ages: Floats) -> Band:
        """Forecasts for several ages in ascending order: (rows, ages) each."""
        height, count = ages.shape
        row, flat = np.repeat(np.arange(height), count), ages.reshape(-1)
        asked = asked_at(table.rows(row), flat)
        ends = [np.zeros(row.size) for _ in Band._fields]
        for stage, rows in self._by_stage(asked):
            found = stage.forecast(asked.rows(rows), flat[rows])
            for end, values in zip(ends, found, strict=True):
                end[rows] = values
        return Band(*(rising(end.reshape(height, count)) for end in ends))

    def _score(self, past: Past, table: Numbers, band: Band, age_h: Floats) -> Floats:
        asked = _scored_h(age_h)
        place = np.searchsorted(_AGES, asked)
        row = np.arange(table.height)
        threshold = self._thresholds.of_past(past, table["category"], asked)
        raw = tail(threshold, *(ends[row, place] for ends in band))
        unseen = _unseen(table)
        score = self._calibrated(raw, unseen)
        # Older than any age that is asked of: it is there, or it is not.
        done = (age_h >= _SCORED_H[-1]) & ~unseen
        if done.any():
            reached = table["views"] >= self._thresholds.of_past(past, table["category"], age_h)
            score = np.where(done, np.where(reached, 100.0, 0.0), score)
        return score

    def _calibrated(self, raw: Floats, unseen: Flags) -> Floats:
        return 100 * np.where(
            unseen,
            self._stages[BEFORE].calibration(raw),
            self._stages[AFTER].calibration(raw),
        )

    def _by_stage(self, table: Numbers) -> list[tuple[StageModel, npt.NDArray[np.int64]]]:
        """The rows of each stage, of those that have any."""
        unseen = _unseen(table)
        parts = (
            (self._stages[BEFORE], np.flatnonzero(unseen)),
            (self._stages[AFTER], np.flatnonzero(~unseen)),
        )
        return [(stage, rows) for stage, rows in parts if rows.size]


def _planned(moments: pl.DataFrame) -> Flags:
    """Whether a moment is one before publication, of which nothing was observed."""
    unobserved = moments["observed"].list.len().to_numpy() == 0
    return np.asarray((_age_h(moments) <= 0) & unobserved)


def _unseen(table: Numbers) -> Flags:
    """Whether no views are known."""
    return np.isnan(table["views"])


def _age_h(moments: pl.DataFrame) -> Floats:
    at, published_at = (moments[name].cast(pl.Int64).to_numpy() for name in ("at", "published_at"))
    return np.asarray((at - published_at) / 3.6e9)


def _scored_h(age_h: Floats) -> Floats:
    return np.where(age_h < _SCORED_H[0], _SCORED_H[0], _SCORED_H[1])
