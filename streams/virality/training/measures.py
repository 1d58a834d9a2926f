"""What a model is worth on the window that was kept apart, beside simple rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features.growth import usual_growth
from streams.virality.features.vocabulary import CATEGORIES
from streams.virality.models.forecaster import Forecaster
from streams.virality.models.groups import groups
from streams.virality.models.stage import Band, bucket_of, usual
from streams.virality.training.examples import Examples
from streams.virality.training.fit import horizons, table_of
from streams.virality.training.train import Trained, came_true

Floats = npt.NDArray[np.float64]

_BUCKETS = ("up to 36 h", "36 h to 5 d", "beyond 5 d")
_NAMES = {str(code): name for name, code in CATEGORIES.items()}
FEWEST_OF_A_GROUP = 50  # rows; the coverage of fewer is hardly a figure
_BINS = 10
_WITHIN = np.log10(1.3)  # 30 % more, and as much less


def measured(trained: Trained) -> dict[str, Any]:
    """Metrics of both stages on the test window, as JSON has it.

    Errors are of log10 views. `baselines` are measured on the same rows.
    """
    model = trained.forecaster
    return {
        stage: {
            **_stage(model, windows.test, baselines(windows.train, windows.test)),
            "score": _score(model, trained, windows.test),
            "examples": {
                "train": windows.train.height,
                "calibrate": windows.calibrate.height,
                "test": windows.test.height,
            },
        }
        for stage, windows in trained.windows.items()
    }


def baselines(train: Examples, test: Examples) -> dict[str, Floats]:
    """Forecasts by rule, log10 views.

    Before publication: the mean of the category, and that of the channel's earlier videos (else of
    the category), brought to the age asked for by the usual growth. Afterwards: the usual growth
    from now, and views that go on coming as fast as between the last two counts (the usual growth
    where there is one).
    """
    table, asked = table_of(test), horizons(test)
    if test.stage == "before":
        category = _category_mean(train, test) + usual_growth(asked)
        channel = table["channel_mean"] + usual_growth(asked)
        known = np.where(np.isnan(channel), category, channel)
        return {"mean of the category": category, "mean of the channel": known}
    plain = usual(table, asked)
    fast = table["views"] + table["at_this_velocity"]
    return {
        "constant velocity": np.where(np.isnan(fast), plain, fast),
        "usual growth": plain,
    }


def errors(actual: Floats, forecast: Floats) -> dict[str, float]:
    """Figures of a forecast: mae, r2, within_30_percent (a share)."""
    missed = forecast - actual
    spread = float(((actual - actual.mean()) ** 2).sum())
    return {
        "mae": float(np.abs(missed).mean()),
        "r2": 1 - float((missed**2).sum()) / spread if spread else float("nan"),
        "within_30_percent": float((np.abs(missed) <= _WITHIN).mean()),
    }


def covered(actual: Floats, band: Band) -> npt.NDArray[np.bool_]:
    """Whether the band holds what came."""
    return (band.lower <= actual) & (actual <= band.upper)


def _stage(model: Forecaster, test: Examples, rules: Mapping[str, Floats]) -> dict[str, Any]:
    asked = horizons(test)
    band = model.at(test.moments, asked)
    actual = test.asked["actual"].to_numpy()
    held = covered(actual, band)
    width = 10 ** (band.upper - band.lower)
    known = groups(table_of(test)).with_columns(
        pl.col("category").replace(_NAMES),
        asked=pl.Series([_BUCKETS[at] for at in bucket_of(asked).tolist()]),
        week=test.asked["known_at"].dt.truncate("1w").dt.strftime("%Y-%m-%d"),
    )
    return {
        "ours": errors(actual, band.median),
        "baselines": {name: errors(actual, said) for name, said in rules.items()},
        "coverage": float(held.mean()),
        "width": float(np.median(width)),
        "by": {
            name: _by(known[name], held, width, np.abs(band.median - actual))
            for name in ("category", "size", "asked", "week")
        },
    }


def _by(
    group: pl.Series, held: npt.NDArray[np.bool_], width: Floats, missed: Floats
) -> list[dict[str, Any]]:
    return (
        pl.DataFrame({"group": group, "covered": held, "width": width, "missed": missed})
        .group_by("group")
        .agg(
            rows=pl.len(),
            coverage=pl.col("covered").mean(),
            width=pl.col("width").median(),
            mae=pl.col("missed").mean(),
        )
        .filter(pl.col("rows") >= FEWEST_OF_A_GROUP)
        .sort("group")
        .to_dicts()
    )


def _score(model: Forecaster, trained: Trained, test: Examples) -> dict[str, Any]:
    """Calibration of the score: reliability by tenths, expected calibration error, Brier score."""
    asked = horizons(test)
    said = model.score_at(test.moments, asked, model.at(test.moments, asked)) / 100
    came = came_true(trained.bundle.thresholds, test)
    tenth = np.minimum((said * _BINS).astype(np.int64), _BINS - 1)
    bins = [
        {
            "said": float(said[part].mean()),
            "came": float(came[part].mean()),
            "rows": int(part.sum()),
        }
        for part in (tenth == number for number in range(_BINS))
        if part.any()
    ]
    return {
        "bins": bins,
        "ece": sum(abs(one["said"] - one["came"]) * one["rows"] for one in bins) / said.size,
        "brier": float(((said - came) ** 2).mean()),
        "brier_of_base_rate": float(((came.mean() - came) ** 2).mean()),
        "base_rate": float(came.mean()),
    }


def _category_mean(train: Examples, test: Examples) -> Floats:
    level = train.asked["actual"] - pl.Series(usual_growth(horizons(train)))
    means = (
        pl.DataFrame({"category": train.moments["category"], "level": level})
        .group_by("category")
        .agg(pl.col("level").mean())
    )
    found = test.moments.select("category").join(
        means, on="category", how="left", maintain_order="left", nulls_equal=True
    )
    return found["level"].fill_null(level.mean()).to_numpy()
