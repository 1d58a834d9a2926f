"""Growth curves: shares at an age, groups, and their JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.outliers.model.errors import GrowthError
from streams.outliers.model.growth import AGES_H, ALL, HORIZON_H, Growth
from streams.outliers.model.priors import LEVELS, Prior, variance_at

DEFAULT = Growth.default()


def test_what_ships_knows_formats_and_categories() -> None:
    assert {ALL, "short", "long", "unknown"} <= set(DEFAULT.curves)
    assert any("/" in group for group in DEFAULT.curves)


@given(
    st.sampled_from(range(len(DEFAULT.groups))),
    st.lists(st.floats(0, HORIZON_H), min_size=2, max_size=20),
)
def test_a_share_never_falls_with_age(code: int, ages: list[float]) -> None:
    ages.sort()

    share = DEFAULT.log_share(np.full(len(ages), code), np.array(ages))

    assert (share <= 0).all()
    assert (np.diff(share) >= -1e-12).all()


@pytest.mark.parametrize("age", [HORIZON_H, 1e6])
def test_all_views_are_there_after_90_days(age: float) -> None:
    codes = np.arange(len(DEFAULT.groups))

    assert (DEFAULT.log_share(codes, np.full(len(codes), age)) == 0).all()


def test_curves_are_met_at_their_ages_and_straight_between() -> None:
    code = DEFAULT.groups.index(ALL)
    curve = np.array(DEFAULT.curves[ALL])
    ages = np.array(AGES_H)

    assert DEFAULT.log_share(np.full(len(ages), code), ages) == pytest.approx(curve)
    between = (ages[1:] + ages[:-1]) / 2
    middle = DEFAULT.log_share(np.full(len(between), code), between)
    assert middle == pytest.approx((curve[1:] + curve[:-1]) / 2)


def test_before_publication_counts_as_the_moment_of_it() -> None:
    one = np.zeros(1, int)

    assert DEFAULT.log_share(one, np.array([-3.0])) == DEFAULT.log_share(one, np.zeros(1))


def test_unknown_categories_fall_back_to_the_format_and_unknown_formats_to_all() -> None:
    category = next(group for group in DEFAULT.groups if group.startswith("long/"))
    formats = pl.Series(["long", "long", "long", "vertical", "vertical"])
    categories = pl.Series([category.removeprefix("long/"), "no such", None, None, "10"])

    codes = DEFAULT.codes(formats, categories)

    assert [DEFAULT.groups[code] for code in codes] == [category, "long", "long", ALL, ALL]


def test_codes_of_nothing() -> None:
    nothing = pl.Series([], dtype=pl.String)

    assert len(DEFAULT.codes(nothing, nothing)) == 0


def test_json_gives_the_same_back() -> None:
    again = Growth.from_json(DEFAULT.to_json())

    assert again == DEFAULT
    assert again.version == DEFAULT.version


def test_the_version_follows_from_the_content_not_from_where_it_is_from() -> None:
    assert replace(DEFAULT, facts={"from": "elsewhere"}).version == DEFAULT.version
    assert replace(DEFAULT, tau2=DEFAULT.tau2 + 0.01).version != DEFAULT.version


def _changed(change: Callable[[dict[str, Any]], Any]) -> str:
    content = json.loads(DEFAULT.to_json())
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("null", "cannot be read"),
        ("{}", "no field 'ages_h'"),
        (_changed(lambda content: content.pop("curves")), "no field 'curves'"),
        (_changed(lambda content: content["curves"].pop("*")), "need the group '*'"),
        (_changed(lambda content: content["curves"]["*"].pop()), "finite numbers"),
        (_changed(lambda content: content["curves"]["*"].reverse()), "falls"),
        (_changed(lambda content: content.update(tau2=-1)), "tau2"),
        (_changed(lambda content: content.update(tau2=float("nan"))), "tau2"),
        (_changed(lambda content: content.update(tau2=None)), "cannot be read"),
        (_changed(lambda content: content.update(forgetting=0)), "forgetting"),
        (_changed(lambda content: content["priors"]["*"].update(df=0)), "above 0"),
        (_changed(lambda content: content["priors"]["*"].update(mean=float("inf"))), "not finite"),
        (_changed(lambda content: content["priors"]["*"].update(variance=[1])), "each of the lev"),
        (_changed(lambda content: content["priors"].update({"*": 3})), "cannot be read"),
        (_changed(lambda content: content["ages_h"].pop()), "not the ages"),
        (_changed(lambda content: content.update(tau2=10**400)), "cannot be read: int too large"),
        (_changed(lambda content: content["curves"]["*"].insert(0, 10**400)), "too large"),
        (_changed(lambda content: content["priors"]["*"].update(mean=10**400)), "too large"),
        (_changed(lambda content: content["priors"]["*"].update(variance=None)), "cannot be read"),
        (_changed(lambda content: content["priors"]["*"].update(mean=-21)), "within"),
        (_changed(lambda content: content["priors"]["*"].update(df=1e7)), "df of a prior"),
        (_changed(lambda content: content["priors"]["*"].update(df=1e-7)), "df of a prior"),
        (_changed(lambda content: content["priors"]["*"].update(strength=1e7)), "strength"),
        (_changed(lambda content: content["priors"]["*"].update(variance=[1e7] * 6)), "variances"),
        (_changed(lambda content: content["curves"]["*"].__setitem__(0, -21)), "begins below"),
        (_changed(lambda content: content["curves"]["*"].__setitem__(0, "x")), "cannot be read"),
        (_changed(lambda content: content.update(tau2=101)), "tau2"),
        (_changed(lambda content: content["curves"].update({"\ud800": [0] * 36})), "no text"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_what_is_no_growth_is_told_in_words(text: str, said: str) -> None:
    with pytest.raises(GrowthError, match=said.replace("*", r"\*")):
        Growth.from_json(text)


def test_the_variance_is_straight_between_levels_and_level_beyond() -> None:
    prior = Prior(4.0, 0.1, 4.0, tuple(0.1 * (at + 1) for at in range(len(LEVELS))))
    levels = np.array([0.0, 2.0, 2.5, 6.75, 7.0, 9.0])

    table = np.tile(np.array(prior.variance), (len(levels), 1))

    assert variance_at(table, levels) == pytest.approx([0.1, 0.1, 0.15, 0.575, 0.6, 0.6])
