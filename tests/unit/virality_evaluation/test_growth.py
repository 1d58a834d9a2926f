"""Models of growth: what they look at, and that they are the same every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streams.virality.growth import late, model
from streams.virality.growth.curves import Curves
from streams.virality.growth.shape import shape
from tests.unit.virality_evaluation.made_up import curves


def after(seen: Curves, day: int, factor: float) -> Curves:
    """The same videos with other views in every day after `day`."""
    daily = seen.daily.copy()
    daily[:, day:] = daily[:, day:] * factor + 1000
    return replace(seen, daily=daily)


@pytest.fixture(scope="module")
def weekly() -> model.GrowthModel:
    return model.fit(curves(150), 7, 30)


@pytest.fixture(scope="module")
def ninety() -> late.LateModel:
    return late.fit(curves(60))


def test_nothing_after_the_days_observed_moves_a_forecast(weekly: model.GrowthModel) -> None:
    seen = curves(40, seed=2)
    before = weekly.predict(seen)

    for changed in (after(seen, 7, 50), after(seen, 7, 0)):
        found = weekly.predict(changed)

        assert np.array_equal(found.views, before.views)
        assert np.array_equal(found.lower, before.lower)
        assert np.array_equal(found.upper, before.upper)
    earlier = after(seen, 6, 3)
    assert not np.array_equal(weekly.predict(earlier).views, before.views)


def test_nothing_after_the_ninetieth_day_moves_a_percentile(ninety: late.LateModel) -> None:
    seen = curves(40, seed=2)

    assert np.array_equal(ninety.predict(after(seen, 90, 50)), ninety.predict(seen))
    assert not np.array_equal(ninety.predict(after(seen, 89, 50)), ninety.predict(seen))


def test_a_forecast_does_not_depend_on_the_videos_beside_it(weekly: model.GrowthModel) -> None:
    seen = curves(40, seed=2)
    alone = weekly.predict(seen.part(np.arange(40) == 17))

    assert alone.views[0] == pytest.approx(weekly.predict(seen).views[17], rel=1e-12)


def test_bands_hold_the_forecast_and_never_promise_fewer_views_than_there_are(
    weekly: model.GrowthModel,
) -> None:
    seen = curves(200, seed=3)
    found = weekly.predict(seen)

    assert (seen.views_by(7) <= found.lower).all()
    assert (found.lower <= found.views + 1e-6 * found.views).all()
    assert (found.views <= found.upper + 1e-6 * found.views).all()


def test_a_video_without_views_yet_has_a_forecast_all_the_same(weekly: model.GrowthModel) -> None:
    nobody = Curves(np.zeros((1, 120)), np.array([-1]), weekly_categories())

    found = weekly.predict(nobody)

    assert np.isfinite([found.views[0], found.lower[0], found.upper[0]]).all()


def weekly_categories() -> tuple[str, ...]:
    return curves(2).categories


def test_the_same_videos_give_the_same_model(ninety: late.LateModel) -> None:
    seen = curves(40, seed=2)

    assert np.array_equal(late.fit(curves(60)).predict(seen), ninety.predict(seen))


def test_the_later_day_comes_later() -> None:
    with pytest.raises(ValueError, match="day 7 does not come after day 7"):
        model.fit(curves(10), 7, 7)


@pytest.mark.parametrize("days", [1, 2, 7, 8, 14, 30, 61, 90])
def test_any_number_of_days_has_a_shape(days: int) -> None:
    seen = curves(20)
    matrix, features = shape(seen.daily[:, :days], seen.category)

    assert matrix.shape == (20, len(features))
    assert np.isfinite(matrix).all()
    assert len({feature.name for feature in features}) == len(features)


def test_above_sixty_days_every_shape_has_the_same_columns() -> None:
    seen = curves(3)

    names = {shape(seen.daily[:, :days], seen.category)[1] for days in (61, 62, 75, 90, 119)}

    assert len(names) == 1


def test_twice_the_views_is_nearly_the_same_shape() -> None:
    """All but the total are ratios; what differs is the one view that keeps logarithms finite."""
    daily = np.full((1, 30), 1e6) / np.arange(1, 31)
    small, features = shape(daily, np.array([0]))
    large, _ = shape(2 * daily, np.array([0]))

    differing = {
        feature.name
        for feature, same in zip(features, np.isclose(small[0], large[0], atol=1e-3), strict=True)
        if not same
    }
    assert differing == {"log_total"}
