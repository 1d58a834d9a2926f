"""Bands: they cover what they say in every group, hold their median, and follow a drift."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from streams.virality.features import FEATURES, Numbers
from streams.virality.models.bands import LEAST_ROWS, Adaptive, Bands, ordered, rising
from streams.virality.models.groups import grouped, groups

SPREAD = {"10": 0.2, "20": 0.6, "25": 1.0}
SIZE = {"large": 1.0, "new": 2.5}


def _rows(count: int, seed: int, shift: float = 0.0) -> tuple[pl.DataFrame, np.ndarray]:
    """Groups, and what came where 0 was forecast: spread by category and size."""
    random = np.random.default_rng(seed)
    of = pl.DataFrame(
        {
            "category": random.choice(list(SPREAD), count, p=[0.6, 0.39, 0.01]),
            "size": random.choice(list(SIZE), count, p=[0.8, 0.2]),
        }
    )
    scale = of.select(
        pl.col("category").replace_strict(SPREAD) * pl.col("size").replace_strict(SIZE)
    )
    return of, random.normal(shift, scale.to_series().to_numpy())


def _flat(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(count, -0.3), np.full(count, 0.3)


def _calibrated(count: int = 8_000, coverage: float = 0.9) -> Bands:
    of, actual = _rows(count, 1)
    return Bands.calibrated(*_flat(count), actual, of, coverage)


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_every_group_with_rows_is_covered_as_promised(coverage: float) -> None:
    bands = _calibrated(coverage=coverage)
    of, actual = _rows(40_000, 2)
    lower, upper = bands.around(np.zeros(40_000), *_flat(40_000), of)
    covered = of.with_columns(within=(lower <= actual) & (actual <= upper))
    for names in (["category"], ["size"], ["category", "size"]):
        by_group = (
            covered.filter(pl.col("category") != "25").group_by(names).agg(pl.col("within").mean())
        )
        assert by_group["within"].min() > coverage - 0.03
        assert by_group["within"].max() < coverage + 0.03


def test_a_channel_that_nobody_knows_gets_a_wider_band() -> None:
    of = pl.DataFrame({"category": ["20", "20"], "size": ["large", "new"]})
    lower, upper = _calibrated().around(np.zeros(2), *_flat(2), of)
    large, new = upper - lower
    assert new > 2 * large


def test_a_group_of_few_rows_takes_the_margin_of_a_coarser_one() -> None:
    bands = _calibrated()
    of = pl.DataFrame(
        {"category": ["10", "25", "25", "99"], "size": ["new", "large", "new", "nobody's"]}
    )
    assert bands.keys(of).to_list() == ["category=10 size=new", "size=large", "size=new", "all"]
    margins = bands.margins(of)
    alike = pl.DataFrame({"category": ["98", "98", "98"], "size": ["large", "new", "other"]})
    assert margins[1:].tolist() == bands.margins(alike).tolist()
    assert all(scores.size >= LEAST_ROWS for scores in bands.scores.values())


def test_with_hardly_any_rows_the_widest_residual_seen_counts() -> None:
    of = pl.DataFrame({"category": ["10"] * 3, "size": ["new"] * 3})
    bands = Bands.calibrated(np.zeros(3), np.zeros(3), np.array([1.0, -5.0, 2.0]), of)
    assert bands.margins(of).tolist() == [5.0] * 3


def test_the_margin_is_the_conformal_rank_by_hand() -> None:
    of = pl.DataFrame({"category": ["10"] * 19, "size": ["new"] * 19})
    bands = Bands.calibrated(np.zeros(19), np.zeros(19), np.arange(1.0, 20.0), of)
    assert bands.margins(of)[0] == 18  # ceil(20 * 0.9)


def test_a_band_always_holds_its_median() -> None:
    lower, upper = ordered(np.array([1.0, 3.0]), np.array([2.0, 2.0]), np.array([1.5, 4.0]))
    assert lower.tolist() == [1.0, 2.0]
    assert upper.tolist() == [2.0, 4.0]
    of, _ = _rows(500, 3)
    median = np.random.default_rng(3).normal(0, 2, 500)
    lower, upper = _calibrated().around(median, *_flat(500), of)
    assert (lower <= median).all()
    assert (median <= upper).all()


def test_ends_never_fall_along_the_horizons_and_unknown_ones_stay_so() -> None:
    nan = np.nan
    risen = rising(np.array([[3.0, 2.0, 4.0], [nan, 1.0, 0.5], [nan, nan, nan]]))
    assert risen[0].tolist() == [3.0, 3.0, 4.0]
    assert risen[1, 1:].tolist() == [1.0, 1.0]
    assert np.isnan(risen).tolist() == [[False] * 3, [True, False, False], [True] * 3]


def test_bands_survive_being_written_down() -> None:
    bands = _calibrated(2_000)
    of, _ = _rows(300, 4)
    again = Bands.from_dict(json.loads(json.dumps(bands.to_dict())))
    assert again.margins(of).tolist() == bands.margins(of).tolist()


@pytest.mark.parametrize("step", [0.0, 0.002])
def test_bands_that_follow_a_drift_come_back_to_what_is_wanted(step: float) -> None:
    bands = _calibrated()
    of, actual = _rows(20_000, 5, shift=0.25)  # everything does better than it used to
    adaptive = Adaptive(bands, step)
    keys = bands.keys(of).to_list()
    within = []
    for begin in range(0, 20_000, 500):
        part = slice(begin, begin + 500)
        lower, upper = bands.around(np.zeros(500), *_flat(500), of[part], adaptive.missed)
        came = actual[part]
        missed = (came < lower) | (came > upper)
        adaptive.learn(keys[part], missed)
        within.append(1 - missed.mean())
    late = float(np.mean(within[20:]))
    if step:
        assert 0.88 < late < 0.92
    else:
        assert late < 0.86


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1.0])
def test_a_coverage_that_is_no_share_is_refused(coverage: float) -> None:
    of, actual = _rows(10, 6)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Bands.calibrated(*_flat(10), actual, of, coverage)


def test_nothing_to_calibrate_on_is_refused() -> None:
    of, actual = _rows(10, 6)
    with pytest.raises(ValueError, match="no rows"):
        Bands.calibrated(*_flat(0), actual[:0], of[:0])


def test_groups_of_channels() -> None:
    unknown = dict.fromkeys((feature.name for feature in FEATURES), np.full(5, np.nan))
    table = Numbers.of(
        {
            **unknown,
            "category": np.array([10.0, np.nan, 20.0, 20.0, 20.0]),
            "channel_videos": np.array([0.0, 4.0, 5.0, 5.0, 50.0]),
            "channel_median": np.array([np.nan, 9.0, 4.0, 5.0, 6.0]),
        }
    )
    found = groups(table)
    assert found["category"].to_list() == ["10", "unknown", "20", "20", "20"]
    assert found["size"].to_list() == ["new", "few", "small", "middle", "large"]
    names, place = grouped(table)
    assert [names[at] for at in place] == found.rows()


def test_margins_by_name_are_those_of_rows() -> None:
    bands = _calibrated()
    of, _ = _rows(200, 7)
    strange = pl.concat([of, pl.DataFrame({"category": ["?"], "size": ["?"]})])
    assert bands.margins_of(strange.rows()).tolist() == bands.margins(strange).tolist()
