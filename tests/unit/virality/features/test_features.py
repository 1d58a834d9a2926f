"""Features: as declared, by hand, of their own moment alone, and of nothing later."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import TOPICS
from streams.virality.features import (
    AFTER,
    BEFORE,
    FEATURES,
    codes,
    feature_hash,
    feature_table,
    matrix,
)
from streams.virality.features.growth import REFERENCE_H, usual_growth
from streams.virality.moments import MOMENT
from streams.virality.moments_of.as_of import AsOf
from tests.unit.virality.charted import at, chart


def _moments(seed: int) -> pl.DataFrame:
    """Every video at its publication, two days later, and long after."""
    videos, observations = chart(seed)
    hours = pl.DataFrame({"after": [dt.timedelta(hours=h) for h in (0, 48, 2_000)]})
    asked = videos.join(hours, how="cross").select(
        "video_id", at=pl.col("published_at") + pl.col("after")
    )
    return AsOf(videos, observations).moments(asked)


MOMENTS = _moments(5)


def test_the_table_has_the_declared_columns_in_order() -> None:
    table = feature_table(MOMENTS, 24.0)
    assert table.columns == [feature.name for feature in FEATURES]
    assert set(table.dtypes) == {pl.Float64}
    assert len(set(table.columns)) == len(FEATURES)
    assert table.select(pl.all().is_nan().any()).row(0) == (False,) * len(FEATURES)
    assert not table.select(pl.all().is_infinite().any()).to_series().any()


def test_what_is_declared_of_a_feature() -> None:
    topics = set(TOPICS)
    for feature in FEATURES:
        assert feature.source in topics | {"request"}
        assert feature.about
        assert feature.unit
    assert {feature.available_at for feature in BEFORE} == {"request", "channel", "horizon"}
    assert AFTER == FEATURES


def test_no_feature_is_always_unknown() -> None:
    unknown = feature_table(MOMENTS, 48.0).null_count().row(0)
    assert max(unknown) < MOMENTS.height


def test_the_hash_tells_lists_apart() -> None:
    assert feature_hash() == feature_hash(FEATURES)
    assert feature_hash(BEFORE) != feature_hash()
    assert feature_hash(tuple(reversed(FEATURES))) != feature_hash()


def test_before_publication_no_count_of_the_video_is_looked_at() -> None:
    counted = MOMENTS.filter(pl.col("observed").list.len() > 0)
    blind = counted.with_columns(observed=pl.lit([], MOMENT["observed"]))
    before = [feature.name for feature in BEFORE]
    assert counted.height > 50
    assert (
        feature_table(blind, 24.0)
        .select(before)
        .equals(feature_table(counted, 24.0).select(before))
    )


@settings(max_examples=25)
@given(
    rows=st.lists(st.integers(0, MOMENTS.height - 1), min_size=1, max_size=40),
    cut=st.integers(0, 40),
    horizon=st.sampled_from([1.0, 24.0, 168.0, 720.0]),
)
def test_a_row_depends_on_its_own_moment_alone(rows: list[int], cut: int, horizon: float) -> None:
    whole = feature_table(MOMENTS, horizon)
    some = MOMENTS[rows]
    chunks = [part for part in (some[:cut], some[cut:]) if part.height]
    together = feature_table(pl.concat(chunks, rechunk=False), horizon)
    assert together.equals(whole[rows])
    assert pl.concat([feature_table(part, horizon) for part in chunks]).equals(whole[rows])


@pytest.mark.parametrize("instant_h", [120.0, 400.0, 800.0])
@pytest.mark.parametrize("stage", ["before", "after"])
def test_nothing_later_than_the_moment_moves_a_feature(instant_h: float, stage: str) -> None:
    videos, observations = chart(6)
    instant = at(instant_h)
    past = videos.filter(pl.col("published_at") <= instant)
    asked = past.select(
        "video_id", at=pl.col("published_at") if stage == "before" else pl.lit(instant)
    )
    later = pl.col("at") > instant
    changed = observations.with_columns(
        views=pl.when(later).then(123_456_789).otherwise("views"),
        comments=pl.when(later).then(0).otherwise("comments"),
    )
    told, untold = (
        feature_table(AsOf(videos, seen).moments(asked), 168.0)
        for seen in (changed, observations.filter(~later))
    )
    assert told.equals(untold)
    assert asked.height > 5


def _one(**known: object) -> pl.DataFrame:
    moment = {
        "video_id": "v", "channel_id": "c", "at": at(100), "published_at": at(76), "title": "",
        "history": [], "observed": [], **known,
    }  # fmt: skip
    return pl.DataFrame([{name: moment.get(name) for name in MOMENT}], schema=MOMENT)


def test_features_of_a_request_by_hand() -> None:
    moment = _one(
        title="NEW Song (Official) ft. Ana!! 🎉 #shorts 2",
        category="Music",
        language="pt_BR",
        duration_s=99,
        description_length=9,
        links=None,
        tag_count=4,
    )
    features = feature_table(moment, 24.0).row(0, named=True)
    assert features["category"] == 10
    assert features["language"] == feature_table(_one(language="PT-br"), 1.0)["language"][0]
    assert features["duration"] == pytest.approx(2)
    assert features["is_short"] == 1
    assert features["hour"] == 4  # 76 h after midnight
    assert features["weekday"] == 7  # 2026-01-04 is a Sunday
    assert features["title_length"] == 41
    assert features["title_words"] == 8
    assert features["title_capitals"] == pytest.approx(6 / 26)
    assert features["title_digits"] == 1
    assert features["title_marks"] == 2
    assert features["title_emoji"] == 1
    assert features["title_hashtags"] == 1
    assert features["title_brackets"] == 2
    assert (features["title_official"], features["title_music"], features["title_live"]) == (
        1,
        1,
        0,
    )
    assert features["tags"] == 4
    assert features["description_length"] == pytest.approx(1)
    assert features["links"] is None
    assert features["channel_videos"] == 0
    assert features["channel_mean"] is None


def test_features_of_a_channel_by_hand() -> None:
    def earlier(video: str, hour: float, views: int, first: int | None) -> dict[str, object]:
        return {
            "video_id": video, "published_at": at(hour), "category": "10", "duration_s": 10,
            "views": views, "observed_at": at(hour + 24),
            "first_views": first, "first_observed_at": None if first is None else at(hour + 24),
        }  # fmt: skip

    moment = _one(
        category="10",
        duration_s=1_000,
        history=[earlier("a", 0, 9_999, 999), earlier("b", 52, 99_999, None)],
    )
    features = feature_table(moment, 24.0).row(0, named=True)
    assert features["channel_videos"] == 2
    assert features["channel_mean"] == pytest.approx((3 + 5) / 2)  # views at 24 h as they are
    assert features["channel_median"] == pytest.approx(4)
    assert features["channel_sd"] == pytest.approx(1)
    assert features["channel_last"] == pytest.approx(5)
    assert features["channel_last_2"] == pytest.approx(3)
    assert features["channel_last_3"] is None
    weight = math.exp(-1 / 4)
    assert features["channel_recent"] == pytest.approx((5 + 3 * weight) / (1 + weight))
    assert features["channel_today"] == pytest.approx((5 + 4 * weight) / (1 + weight))
    assert features["channel_growth"] == pytest.approx(1)  # only "a" has a first observation
    assert features["channel_category_videos"] == 2
    assert features["channel_format"] is None  # both are Shorts, this is not
    assert features["channel_gap"] == pytest.approx(math.log10(24))
    assert features["channel_span"] == pytest.approx(math.log10(76))


def test_features_of_observations_by_hand() -> None:
    def seen(hour: float, views: int | None, likes: int | None) -> dict[str, object]:
        return {"at": at(76 + hour), "views": views, "likes": likes, "comments": None}

    moment = _one(observed=[seen(6, 99, 9), seen(12, 999, 99), seen(20, None, 500)])
    features = feature_table(moment, 36.0).row(0, named=True)
    assert features["observations"] == 2  # hidden views do not count
    assert features["age"] == pytest.approx(math.log10(12))
    assert features["views"] == pytest.approx(3)
    assert features["step"] == pytest.approx(math.log10(6))
    assert features["growth"] == pytest.approx(1)
    assert features["slope"] == pytest.approx(1 / math.log10(2))
    assert features["slope_before"] is None
    assert features["velocity"] == pytest.approx(math.log10(1 + 900 / 6))
    assert features["likes"] == pytest.approx(-1)
    assert features["comments"] is None
    assert features["ahead"] == pytest.approx(math.log10(24))
    assert features["stretch"] == pytest.approx(math.log10(3))
    assert features["at_this_velocity"] == pytest.approx(math.log10(1 + 150 * 24 / 1_000))


def test_zero_views_and_clocks_that_disagree_are_no_infinities() -> None:
    observed = [
        {"at": at(70), "views": 0, "likes": 0, "comments": 0},  # before its publication
        {"at": at(76), "views": 0, "likes": 5, "comments": 0},
        {"at": at(76.001), "views": 0, "likes": 0, "comments": 0},
    ]
    table = feature_table(_one(observed=observed), 0.0)
    assert np.isfinite(table.fill_null(0).to_numpy()).all()


def test_usual_growth_rises_from_below_nothing_to_above_it() -> None:
    ages = np.array([0.0, 1.0, 12.0, REFERENCE_H, 48.0, 720.0, 1e6])
    growth = usual_growth(ages)
    assert (np.diff(growth) > 0).all()
    assert growth[3] == 0


def test_a_matrix_says_unknown_by_nan_and_knows_its_codes() -> None:
    table = feature_table(_one(), 24.0)
    numbers = matrix(table, BEFORE)
    assert numbers.shape == (1, len(BEFORE))
    assert numbers.flags["C_CONTIGUOUS"]
    assert np.isnan(numbers[0, [f.name for f in BEFORE].index("channel_mean")])
    assert [BEFORE[place].name for place in codes(BEFORE)] == ["category", "language", "script"]
    assert feature_table(MOMENTS.clear(), 24.0).shape == (0, len(FEATURES))
