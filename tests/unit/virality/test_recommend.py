"""Recommendations are counterfactuals through a model, here through models made up for the test."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.virality.features import (
    FEATURES,
    Numbers,
    feature_numbers,
    features_and_past,
    varied,
)
from streams.virality.models.recommend import Recommendation, changed, changes_within, judged
from tests.unit.virality.moments import PUBLISHED, frame, moment, usual

EVERYTHING = {
    "hour": (0.0, 24.0),
    "title_length": (5.0, 120.0),
    "tags": (0.0, 40.0),
    "duration": (0.0, 5.0),
}

Floats = np.ndarray


def told(
    *says: pl.Expr, moments: pl.DataFrame | None = None, ranges: object = None
) -> list[list[Recommendation]]:
    """What is recommended where each member of the model says one of the expressions."""

    def members(numbers: Numbers) -> list[Floats]:
        columns = {feature.name: numbers[feature.name] for feature in FEATURES}
        table = pl.DataFrame(columns, nan_to_null=True)
        return [table.select(say.cast(pl.Float64)).to_series().to_numpy() for say in says]

    plans = frame(moment(history=usual())) if moments is None else moments
    within = EVERYTHING if ranges is None else ranges
    as_is, past = features_and_past(plans, 168.0)
    other = varied(as_is, past, changed(plans, changes_within(within)))  # type: ignore[arg-type]
    return judged(plans, as_is, other, members, within)  # type: ignore[arg-type]


EVENING = pl.when(pl.col("hour") == 20).then(0.1).otherwise(0.0)


def test_the_best_value_of_an_input_is_told_with_its_gain() -> None:
    tags = pl.col("tags") * 0.01
    [changes] = told(EVENING + tags)

    assert [change.input for change in changes] == ["tags", "hour_utc"]
    assert changes[0].suggested == 30
    assert changes[0].current == 2
    assert changes[0].gain == pytest.approx(10**0.28 - 1)
    assert changes[1].text == "26 % more views with publication at 20:00 UTC instead of 16:00"


def test_a_small_gain_is_not_told() -> None:
    assert told(pl.when(pl.col("hour") == 20).then(0.04).otherwise(0.0)) == [[]]
    assert len(told(pl.when(pl.col("hour") == 20).then(0.05).otherwise(0.0))[0]) == 1


def test_all_members_have_to_agree() -> None:
    assert told(EVENING, -EVENING) == [[]]
    assert told(EVENING, pl.lit(0.0) * pl.col("hour")) == [[]]
    [[change]] = told(EVENING, EVENING / 2)
    assert change.gain == pytest.approx(10**0.05 - 1)


def test_only_values_that_were_common_in_training() -> None:
    title = pl.col("title_length") * 0.01
    [[change]] = told(title, ranges={"title_length": (10.0, 60.0)})

    assert (change.input, change.suggested) == ("title_length", 55)
    assert told(title, ranges={"tags": (0.0, 40.0)}) == [[]]


def test_what_is_not_known_is_not_changed() -> None:
    unknown = frame(moment(duration_s=None, tag_count=None, tags=None))

    assert told(
        pl.col("duration").fill_null(0.0) + pl.col("tags").fill_null(0.0), moments=unknown
    ) == [[]]


def test_publication_moves_to_the_next_such_hour_not_into_the_past() -> None:
    weekday = pl.when(pl.col("weekday") == 2).then(1.0).otherwise(0.0)
    changes = told(weekday)[0]

    # It is planned for a Monday at 16:00: earlier hours are Tuesday's.
    assert changes[0].input == "hour_utc"
    assert changes[0].suggested < 16


def test_each_moment_has_its_own() -> None:
    plans = frame(moment(title="x" * 20), moment(title="x" * 100), moment(title="x" * 55))
    peak = -(((pl.col("title_length") - 55) / 20) ** 2) * 0.2
    changes = told(peak, moments=plans)

    assert [[change.suggested for change in one] for one in changes] == [[55], [55], []]


@settings(max_examples=40, deadline=None)
@given(
    past=st.lists(st.integers(0, 30), min_size=1, max_size=4),
    length=st.sampled_from([None, 20, 180, 181, 3_000]),
    hour=st.integers(0, 23),
    category=st.sampled_from([None, "24", "10"]),
)
def test_features_of_changes_are_those_of_moments_that_are_so(
    past: list[int], length: int | None, hour: int, category: str | None
) -> None:
    at = PUBLISHED.replace(hour=hour, minute=37)
    plans = frame(
        *(
            moment(
                history=usual(count),
                published_at=at,
                at=at,
                duration_s=length,
                category=category,
                title="Part " * (1 + count),
            )
            for count in past
        )
    )
    changes = changes_within(EVERYTHING)
    inputs = changed(plans, changes)
    so = pl.concat([plans] * len(changes)).with_columns(inputs.get_columns())

    found = varied(*features_and_past(plans, 24.0), inputs).values

    assert np.array_equal(found, feature_numbers(so, 24.0).values, equal_nan=True)
