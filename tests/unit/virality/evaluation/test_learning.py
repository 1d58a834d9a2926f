"""Bands that follow: outcomes count once they are known, and not a day earlier."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from streams.virality.evaluation.chart_rows import Rows
from streams.virality.evaluation.learning import followed, parted
from streams.virality.evaluation.recency import recency
from streams.virality.evaluation.shapes import Shape
from streams.virality.models.bands import Bands

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
COUNT = 4_000
GROUPS = pl.DataFrame({"category": ["10"] * COUNT, "size": ["new"] * COUNT})


def _rows(delay_h: float = 30, shift: float = 0.4) -> Rows:
    """A hundred videos a day for forty days, known some hours later, higher than forecast."""
    at = [START + dt.timedelta(hours=0.24 * n) for n in range(COUNT)]
    asked = pl.DataFrame(
        {"at": at, "known_at": [time + dt.timedelta(hours=delay_h) for time in at]}
    )
    outcome = np.random.default_rng(1).normal(shift, 0.3, COUNT)
    return Rows(pl.DataFrame({"horizon": [1.0] * COUNT}), asked, outcome)


def _bands() -> Bands:
    residual = np.random.default_rng(2).normal(0, 0.3, COUNT)
    return Bands.calibrated(np.zeros(COUNT), np.zeros(COUNT), residual, GROUPS)


def _ends(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    flat = np.zeros(COUNT)
    return followed(_bands(), rows, flat, Shape(flat, flat, np.ones(COUNT)), GROUPS)


def test_bands_widen_where_too_much_is_missed() -> None:
    rows = _rows()
    lower, upper = _ends(rows)
    within = (lower <= rows.outcome) & (rows.outcome <= upper)
    assert within[:300].mean() < 0.75
    assert within[-2_000:].mean() > 0.85
    assert upper[-1] > 1.3 * upper[0]


def test_nothing_is_learnt_before_an_outcome_is_known() -> None:
    _, upper = _ends(_rows(delay_h=24 * 20))
    assert len(set(upper[: 100 * 20].tolist())) == 1
    assert upper[-1] > upper[0]


@pytest.mark.parametrize("day", [3, 10, 25])
def test_outcomes_that_become_known_later_do_not_move_a_band(day: int) -> None:
    rows = _rows()
    begin = START + dt.timedelta(days=day)
    later = (rows.asked["known_at"] >= begin).to_numpy()
    changed = Rows(rows.features, rows.asked, np.where(later, rows.outcome + 50, rows.outcome))
    until = (rows.asked["at"] < begin + dt.timedelta(days=1)).to_numpy()
    first, second = _ends(rows), _ends(changed)
    assert first[1][until].tolist() == second[1][until].tolist()
    assert first[1][-1] != second[1][-1]


def test_what_is_calibrated_on_is_newer_than_what_is_learnt_from() -> None:
    rows = _rows()
    parts = parted(rows, rows)
    assert parts.older.height + parts.newest.height == COUNT
    assert parts.older.asked["known_at"].max() < parts.newest.asked["known_at"].min()
    assert parts.older.height >= COUNT / 2


def test_an_example_of_sixty_days_ago_weighs_a_third() -> None:
    asked = pl.DataFrame({"known_at": [START, START + dt.timedelta(days=60)]})
    assert recency(asked).tolist() == pytest.approx([np.exp(-1), 1])
