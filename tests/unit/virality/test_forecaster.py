"""The model that ships: what it promises of every moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from streams.virality.features import feature_numbers
from streams.virality.models.forecaster import HORIZONS_H, Forecaster
from streams.virality.models.reasons import GROUPS
from streams.virality.models.stage import asked_at
from streams.virality.moments import MOMENT
from tests.unit.virality.bundles import saved
from tests.unit.virality.moments import count, frame, moment, usual

HOUSE = Forecaster.default()


def mixed() -> pl.DataFrame:
    """Moments of all kinds."""
    steady = [count(3, 900, 40), count(8, 2_500, 110), count(20, 7_000, 300)]
    return frame(
        moment(),
        moment(history=usual()),
        moment(history=usual(3)),
        moment(steady),
        moment(steady, usual()),
        moment(steady[:1], usual()),
        moment([count(30, 100), count(200, 90)], usual()),  # a recount
        moment([count(5, None)], usual()),  # hidden
        moment([count(5, 0)], usual()),
        moment([count(2_000, 10**9)], usual()),
        moment(history=usual(), age_h=-100, category="unheard of", language=None, tags=None),
        moment(title="", duration_s=None, channel_id=None, category=None),
    )


def test_a_row_per_moment_with_ordered_bands_that_never_fall_with_the_horizon() -> None:
    said = HOUSE.forecast(mixed())

    assert said.height == mixed().height
    for name in HORIZONS_H:
        middle = pl.col(f"predicted_views_{name}")
        assert said.select(
            (pl.col(f"predicted_views_{name}_lower") <= middle).all(ignore_nulls=True)
            & (middle <= pl.col(f"predicted_views_{name}_upper")).all(ignore_nulls=True)
            & (middle >= 0).all(ignore_nulls=True)
        ).item()
    for end in ("", "_lower", "_upper"):
        day, week, month = (pl.col(f"predicted_views_{name}{end}") for name in HORIZONS_H)
        assert said.select(
            (day <= week).all(ignore_nulls=True) & (week <= month).all(ignore_nulls=True)
        ).item()
    assert said["score"].is_between(0, 100).all()
    assert said["stage"].to_list() == ["before"] * 3 + ["after"] * 4 + ["before"] + [
        "after", "after", "before", "before",
    ]  # fmt: skip


def test_what_is_over_is_null_and_nothing_else() -> None:
    ages = (-5.0, 0.0, 23.9, 24.0, 100.0, 168.0, 719.0, 720.0, 5_000.0)
    said = HOUSE.forecast(frame(*(moment(age_h=age) for age in ages)))

    for name, horizon in HORIZONS_H.items():
        for end in ("", "_lower", "_upper"):
            over = said[f"predicted_views_{name}{end}"].is_null().to_list()
            assert over == [age >= horizon for age in ages]


def test_no_moments_are_no_forecasts() -> None:
    nothing = pl.DataFrame(schema=MOMENT)

    assert HOUSE.forecast(nothing).height == 0
    assert HOUSE.forecast(nothing).schema == HOUSE.forecast(mixed()).schema
    assert HOUSE.explain(nothing) == []
    assert HOUSE.recommend(nothing) == []


def test_a_forecast_depends_on_its_own_moment_alone() -> None:
    whole = HOUSE.forecast(mixed())
    for row in range(whole.height):
        assert HOUSE.forecast(mixed()[row : row + 1]).equals(whole[row : row + 1])
    assert HOUSE.forecast(mixed().reverse()).equals(whole.reverse())


def test_contributions_sum_to_the_forecast() -> None:
    for horizon in HORIZONS_H.values():
        shares = HOUSE.contributions(mixed(), horizon)
        total = shares.select(pl.sum_horizontal(pl.exclude("raw"))).to_series()
        assert np.allclose(total, shares["raw"], rtol=0, atol=1e-9)
    young = mixed()[:2]
    raw = HOUSE.contributions(young, 168.0)["raw"]
    said = HOUSE.at(young, np.full(2, 168.0)).median
    assert np.allclose(said, raw, rtol=0, atol=1e-9)


def test_reasons_are_the_greatest_sums_of_contributions() -> None:
    shares = HOUSE.contributions(mixed(), 168.0)
    told = HOUSE.explain(mixed(), top=3)

    assert len(told) == mixed().height
    for row, reasons in enumerate(told[:6]):  # all of them younger than seven days
        assert len(reasons) <= 3
        sizes = [abs(reason.contribution) for reason in reasons]
        assert sizes == sorted(sizes, reverse=True)
        for reason in reasons:
            if reason.feature in GROUPS:
                members = GROUPS[reason.feature]
                total = sum(shares[row, name] for name in members if name in shares.columns)
                assert reason.contribution == pytest.approx(total, abs=1e-9)
            assert reason.text
            assert ("fewer" in reason.text) == (reason.contribution < 0) or "usual" in reason.text


def test_a_channel_s_usual_is_told_with_the_numbers() -> None:
    over = moment([count(6, 60_000)], usual(views=20_000))
    reasons = {one.feature: one.text for one in HOUSE.explain(frame(over), top=20)[0]}

    assert "this channel's recent videos had" in reasons.get(
        "channel", "this channel's recent videos had"
    )
    known = reasons.get("views")
    if known is not None:
        assert "in the first 6 h" in known
        assert "this channel's usual" in known


@settings(max_examples=60)
@given(
    views=st.lists(st.integers(0, 10**7), min_size=1, max_size=5),
    more=st.floats(1.0, 100.0),
    past=st.integers(0, 12),
    start=st.floats(1.0, 300.0),
)
def test_more_views_so_far_never_lower_the_forecast(
    views: list[int], more: float, past: int, start: float
) -> None:
    hours = [start * 1.7**at for at in range(len(views))]
    as_is = [count(hour, seen) for hour, seen in zip(hours, views, strict=True)]
    last = int(views[-1] * more) + 1
    raised = [*as_is[:-1], count(hours[-1], last)]
    said = HOUSE.forecast(frame(moment(as_is, usual(past)), moment(raised, usual(past))))

    for name in HORIZONS_H:
        low, high = said[f"predicted_views_{name}"]
        assert low is None or low <= high * (1 + 1e-12)


def test_a_channel_that_is_not_known_gets_a_wider_band() -> None:
    said = HOUSE.forecast(frame(moment(history=usual(30)), moment()))
    width = (said["predicted_views_7d_upper"] + 1) / (said["predicted_views_7d_lower"] + 1)

    assert width[1] > width[0]


def test_the_score_is_about_the_channel_s_own_top_decile() -> None:
    far_over = [count(2, 300_000), count(5, 900_000)]
    usual_rate = [count(2, 2_000), count(5, 5_000)]
    score = HOUSE.forecast(frame(moment(far_over, usual()), moment(usual_rate, usual())))["score"]

    assert score[0] > 80
    assert score[1] < 20


def test_an_old_video_is_in_the_top_decile_or_not() -> None:
    old = [moment([count(2_000, views)], usual()) for views in (10**8, 10)]

    assert HOUSE.forecast(frame(*old))["score"].to_list() == [100.0, 0.0]


def test_what_is_out_already_gets_no_recommendations() -> None:
    out = frame(moment([count(5, 100)], usual()), moment(history=usual(), age_h=3.0))

    assert HOUSE.recommend(out) == [[], []]


def test_a_feature_table_for_another_age_is_the_one_made_for_it() -> None:
    ages = np.linspace(10, 700, mixed().height)
    there = feature_numbers(mixed(), ages).values

    other = asked_at(feature_numbers(mixed(), 24.0), ages).values
    assert np.array_equal(other, there, equal_nan=True)


@pytest.mark.slow
def test_compiled_it_says_the_same(tmp_path: Path) -> None:
    small = frame(*mixed().to_dicts())
    HOUSE.compile(tmp_path / "compiled")
    compiled = Forecaster.default(compiled=tmp_path / "compiled")

    assert compiled.is_compiled
    assert not HOUSE.is_compiled
    ours, theirs = compiled.forecast(small), HOUSE.forecast(small)
    for name in ours.columns[:-1]:
        one, other = (part[name].fill_null(-1).to_numpy() for part in (ours, theirs))
        assert np.allclose(np.log10(one + 2), np.log10(other + 2), rtol=0, atol=1e-9)


def test_a_small_model_is_compiled_and_says_the_same(tmp_path: Path) -> None:
    saved(tmp_path / "made", before=3.0, after=0.25)
    plain = Forecaster.load(tmp_path / "made")
    plain.compile(tmp_path / "compiled")
    compiled = Forecaster.load(tmp_path / "made", compiled=tmp_path / "compiled")

    assert compiled.is_compiled
    assert not plain.is_compiled
    assert compiled.forecast(mixed()).equals(plain.forecast(mixed()))


def test_without_machine_code_it_warns_once(tmp_path: Path) -> None:
    with capture_logs() as said:
        for _ in range(3):
            assert not Forecaster.default(compiled=tmp_path / "none").is_compiled

    assert [one["event"] for one in said] == ["model_not_compiled"]


def test_all_at_once_is_the_same_as_one_after_the_other() -> None:
    titles = [moment(title="x" * (10 + 9 * n), history=usual(n)) for n in range(7)]
    moments = pl.concat([mixed(), frame(*titles)])

    answer = HOUSE.answer(moments, top=3)

    assert answer.forecast.equals(HOUSE.forecast(moments))
    assert answer.reasons == HOUSE.explain(moments, top=3)
    assert answer.recommendations == HOUSE.recommend(moments)
