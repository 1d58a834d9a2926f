"""Videos and their counts into a model, with what it was measured at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features import feature_hash
from streams.virality.models import bundle as bundles
from streams.virality.models.bundle import Bundle, Description
from streams.virality.models.forecaster import Forecaster
from streams.virality.models.score import Calibration, Thresholds, tail
from streams.virality.models.stage import StageModel
from streams.virality.moments_of.as_of import AsOf
from streams.virality.training.examples import Examples, Stage, answered, questions
from streams.virality.training.fit import Recipe, Said, fit_stage, horizons, table_of, thresholds_of
from streams.virality.training.split import Split

Floats = npt.NDArray[np.float64]

STAGES: tuple[Stage, ...] = ("before", "after")
MOST_VIDEOS = 60_000  # more bring little, and take time in proportion

# Videos with a usable answer, of each window: fewer say nothing of a 90 % band.
FEWEST_TO_TRAIN, FEWEST_TO_CALIBRATE, FEWEST_TO_TEST = 200, 50, 50


class TooLittleDataError(Exception):
    """There is not enough to train on; the message says how much there is and is needed."""


@dataclass(frozen=True)
class Data:
    """What a model is trained on.

    Attributes:
        videos, observations: as `AsOf` takes them.
        source: where they come from, for the card.
        facts: what else the card is to say, such as offsets.
    """

    videos: pl.DataFrame
    observations: pl.DataFrame
    source: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Windows:
    """Examples of a stage, by the split."""

    train: Examples
    calibrate: Examples
    test: Examples


@dataclass(frozen=True)
class Trained:
    """A model and what it was tested on.

    Attributes:
        bundle: the model.
        split: where its windows end.
        windows: of each stage.
    """

    bundle: Bundle
    split: Split
    windows: Mapping[Stage, Windows]
    data: Data

    @property
    def forecaster(self) -> Forecaster:
        """The model ready for use, without a version."""
        return Forecaster("unsaved", self.bundle)


def train(
    data: Data,
    name: str,
    recipe: Recipe | None = None,
    *,
    most_videos: int = MOST_VIDEOS,
    said: Said = lambda _: None,
) -> Trained:
    """Train both stages. The same data and recipe give the same model.

    Args:
        name: the beginning of its version.
        said: told what is being done.

    Raises:
        TooLittleDataError: a window has too few videos.
    """
    recipe = recipe or Recipe()
    said("examples")
    split, windows = _windows(data, recipe, most_videos)
    _check(windows)
    stages: dict[str, StageModel] = {
        stage: fit_stage(parts.train, parts.calibrate, recipe, said)
        for stage, parts in windows.items()
    }
    # Spread grows with age once views are known; before, it is wide from the beginning.
    slowest = stages["after"].widening.per_decade
    stages["before"] = replace(
        stages["before"],
        widening=replace(
            stages["before"].widening,
            per_decade=max(stages["before"].widening.per_decade, slowest),
        ),
    )
    thresholds = thresholds_of(windows["before"].train)
    said("score")
    for stage, parts in windows.items():
        calibration = _calibration(stages[stage], parts.calibrate, thresholds)
        stages[stage] = replace(stages[stage], calibration=calibration)
    bundle = Bundle(_description(name, recipe, data, split, stages), stages, thresholds)
    return Trained(bundle, split, windows, data)


def came_true(thresholds: Thresholds, examples: Examples) -> Floats:
    """1 where a video was, at the age asked for, in the top decile of its channel, else 0."""
    bar = thresholds.at(examples.moments, horizons(examples))
    return (examples.asked["actual"].to_numpy() >= bar).astype(np.float64)


def _windows(data: Data, recipe: Recipe, most_videos: int) -> tuple[Split, Mapping[Stage, Windows]]:
    asked = {
        stage: questions(
            data.videos, data.observations, stage, most_videos=most_videos, seed=recipe.seed
        )
        for stage in STAGES
    }
    if not all(one.height for one in asked.values()):
        raise TooLittleDataError(
            f"{data.videos.height:,} videos with {data.observations.height:,} counts give nothing "
            "to learn from: videos are needed that were counted at least twice, an hour or more "
            f"after their publication; {FEWEST_TO_TRAIN} of them at least"
        )
    split = Split.of(list(asked.values()))
    as_of = AsOf(data.videos, data.observations)
    found: dict[Stage, Windows] = {}
    for stage, questions_ in asked.items():
        examples = answered(as_of, questions_, stage)
        found[stage] = Windows(
            split.train(examples), split.calibrate(examples), split.test(examples)
        )
    return split, found


def _check(windows: Mapping[Stage, Windows]) -> None:
    needs = {
        "train": FEWEST_TO_TRAIN, "calibrate": FEWEST_TO_CALIBRATE, "test": FEWEST_TO_TEST,
    }  # fmt: skip
    short = [
        f"{part.videos:,} videos to {verb} the stage {stage!r} on ({needs[verb]} are needed)"
        for stage, found in windows.items()
        for verb, part in (
            ("train", found.train), ("calibrate", found.calibrate), ("test", found.test),
        )
        if part.videos < needs[verb]
    ]  # fmt: skip
    if short:
        raise TooLittleDataError(
            f"too little data: {'; '.join(short)}. Windows follow each other in time (70, 15 and "
            "15 % of the moments), and an answer counts only where it came within its window: take "
            "a longer time, or wait for more counts"
        )


def _calibration(model: StageModel, examples: Examples, thresholds: Thresholds) -> Calibration:
    asked = horizons(examples)
    band = model.forecast(table_of(examples), asked)
    raw = tail(thresholds.at(examples.moments, asked), *band)
    return Calibration.of(raw, came_true(thresholds, examples))


def _description(
    name: str, recipe: Recipe, data: Data, split: Split, stages: Mapping[str, StageModel]
) -> Description:
    columns = {feature for model in stages.values() for feature in model.features}
    return Description(
        name=name,
        format=bundles.FORMAT,
        features=feature_hash(sorted(columns, key=lambda feature: feature.name)),
        # Calibration has seen what came until then; tests are of what came later.
        trained_until=split.test_from,
        facts={
            "source": data.source,
            "seed": recipe.seed,
            "rounds": recipe.rounds,
            "left_out": sorted(recipe.left_out),
            "calibrate_from": split.calibrate_from.isoformat(),
            "test_from": split.test_from.isoformat(),
            **data.facts,
        },
    )
