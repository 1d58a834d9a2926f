"""The registry as a fold, and what promotions are decided by."""

from __future__ import annotations

import datetime as dt
from functools import reduce
from typing import Any

import numpy as np
import polars as pl
import pytest

from streams.virality.registry import events
from streams.virality.registry.comparison import FEWEST_VIDEOS, compare
from streams.virality.registry.models import DEFAULT, Model, ModelFile, Models, RegistryError

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def registered(version: str, *, shadow: bool = False) -> dict[str, Any]:
    file = ModelFile("manifest.json", 3, "ab" * 32)
    return events.registered(Model(version, "m", NOW, 1, "hash", (file,)), shadow=shadow)


def promoted(version: str, *, rollback: bool = False) -> dict[str, Any]:
    return events.promoted(version, replaces="", reason="", rollback=rollback)


def after(*told: dict[str, Any]) -> Models:
    return reduce(Models.after, told, Models())


ONE, TWO, THREE = (registered(version) for version in ("a-1", "a-2", "b-1"))


def test_the_default_serves_until_something_is_promoted() -> None:
    assert after(ONE, TWO).serving == DEFAULT
    assert after(ONE, TWO, promoted("a-2")).serving == "a-2"
    assert after(ONE, TWO, promoted("a-2"), promoted("a-1")).serving == "a-1"
    assert after(ONE, promoted("a-1"), promoted(DEFAULT)).serving == DEFAULT


def test_a_model_is_what_its_event_says() -> None:
    model = after(ONE).registered["a-1"]

    assert model.files == (ModelFile("manifest.json", 3, "ab" * 32),)
    assert model.registered_at == NOW
    assert Model.of(events.registered(model, shadow=False)) == model


def test_rollbacks_go_back_the_path_that_was_come() -> None:
    path = [ONE, TWO, THREE, promoted("a-1"), promoted("a-2"), promoted("b-1")]
    for expected in ("a-2", "a-1", DEFAULT):
        models = after(*path)
        assert models.previous == expected
        path.append(promoted(models.previous, rollback=True))
        assert after(*path).serving == expected
    with pytest.raises(RegistryError, match="nothing to roll back"):
        _ = after(*path).previous
    assert after(*path, promoted("b-1")).serving == "b-1"
    assert len(after(*path).history) == 6


def test_repeated_events_change_nothing() -> None:
    once = [ONE, TWO, promoted("a-1"), promoted("a-2")]
    twice = [ONE, ONE, TWO, TWO, once[2], once[2], once[3], once[3]]

    assert after(*twice).path == after(*once).path
    assert after(*twice).registered == after(*once).registered


def test_one_shadow_at_a_time_and_never_the_one_that_serves() -> None:
    one = registered("a-1", shadow=True)
    two = registered("a-2", shadow=True)

    assert after(one).shadow == "a-1"
    assert after(one, two).shadow == "a-2"
    assert after(one, two, events.shadowed("a-1", shadow=True)).shadow == "a-1"
    assert after(one, events.shadowed("a-1", shadow=False)).shadow is None
    assert after(one, two, events.shadowed("a-1", shadow=False)).shadow == "a-2"
    assert after(one, promoted("a-1")).shadow is None


def test_versions_may_be_shortened_where_that_is_clear() -> None:
    models = after(ONE, TWO, THREE)

    assert models.named("b").version == "b-1"
    assert models.named("a-1").version == "a-1"
    with pytest.raises(RegistryError, match="may be a-1, a-2"):
        models.named("a")
    with pytest.raises(RegistryError, match="no model is called 'c': a-1, a-2, b-1"):
        models.named("c")


def errors(difference: float, videos: int, seed: int = 1, per_video: int = 2) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    rows = videos * per_video
    serving = np.abs(generator.normal(0, 0.3, rows))
    return pl.DataFrame(
        {
            "video_id": [f"v{at // per_video}" for at in range(rows)],
            "at": [NOW] * rows,
            "serving": serving,
            "candidate": serving + difference + generator.normal(0, 0.05, rows),
        }
    )


def test_a_better_model_is_better_and_a_worse_or_equal_one_is_not() -> None:
    assert compare(errors(-0.02, 400)).better
    assert not compare(errors(0.02, 400)).better
    assert not compare(errors(0.0, 400)).better
    said = compare(errors(-0.02, 400))
    assert said.videos == 400
    assert said.rows == 800
    assert said.lower < said.difference < said.upper < 0
    assert compare(errors(-0.02, 400)) == said


def test_equal_models_hardly_ever_pass() -> None:
    passed = sum(compare(errors(0.0, 100, seed), draws=400).better for seed in range(200))

    assert passed <= 14  # 2.5 % are expected; more than 14 come once in 10,000 runs


def test_few_videos_say_nothing() -> None:
    few = compare(errors(-0.5, FEWEST_VIDEOS - 1))

    assert not few.better
    assert f"{FEWEST_VIDEOS} are needed" in few.text
    assert not compare(errors(-0.5, 3).clear()).better


def test_moments_of_one_video_count_as_one() -> None:
    # 60 videos, each a hundred times: as rows they would be certain, as videos they are not.
    generator = np.random.default_rng(3)
    of_video = np.repeat(generator.normal(-0.005, 0.1, 60), 100)
    table = pl.DataFrame(
        {
            "video_id": np.repeat([f"v{at}" for at in range(60)], 100),
            "at": [NOW] * 6000,
            "serving": np.full(6000, 0.5),
            "candidate": 0.5 + of_video,
        }
    )
    said = compare(table)

    assert said.upper - said.lower > 0.03
