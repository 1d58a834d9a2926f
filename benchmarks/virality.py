"""How good the models of virality are on real data: every figure with its baselines and its bar.

The data set beside the project (../shared/data) is needed; parts whose files are absent are left
out, with a line that says so.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.machine import machine
from infra.cli.common import note
from streams.virality.evaluation import early_popularity, next_day, prepublication
from streams.virality.evaluation.log_errors import ENOUGH_ROWS
from streams.virality.growth.folds import FOLDS, folds

DATA = Path(__file__).parents[2] / "shared" / "data"

# What is to be reached, and what would be more than that.
_BARS = {
    "MRSE 1 -> 30 d": (0.436, None),
    "MRSE 3 -> 30 d": (0.217, None),
    "MRSE 7 -> 30 d": (0.0989, 0.0890),
    "MRSE 7 -> 90 d": (0.221, None),
    "MRSE 14 -> 90 d": (0.130, None),
    "MRSE 30 -> 90 d": (0.0502, 0.0452),
    "percentile error, days 91-120": (0.0360, 0.0340),
    "first charted views, R2 log10": (0.727, 0.76),
    "first charted views, MAE log10": (0.196, None),
    "first charted views, upper/lower, median": (4.3, 4.0),
    "next day, MAE": (0.089, 0.082),
    "next day, R2": (0.824, None),
}
_CHARTS = ("trending_videos.parquet", "trending_snapshots.parquet")
_TRAIN_UNTIL = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
_TEST_FROM = dt.datetime(2026, 4, 8, tzinfo=dt.UTC)


Facts = dict[str, Any]
Figure = dict[str, Any]  # {"what", "ours", "bar", "stretch", "baselines": {name: figure}}


def run(data: Path | None = None) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench virality --json` prints.

    Args:
        data: folder of the files; `DATA` unless given.
    """
    data = data or DATA
    began = time.perf_counter()
    parts: dict[Callable[..., list[Figure]], tuple[str, ...]] = {
        _early_popularity: ("active_daily_views.parquet",),
        _prepublication: _CHARTS,
        _next_day: _CHARTS,
    }
    figures: list[Figure] = []
    left_out: dict[str, str] = {}
    for measure, files in parts.items():
        name = measure.__name__.strip("_").replace("_", " ")
        missing = [file for file in files if not (data / file).exists()]
        if missing:
            left_out[name] = f"{' and '.join(missing)} not in {data}"
            continue
        note(f"{name} ...")
        figures += measure(*(pl.read_parquet(data / file) for file in files))
    return {
        "name": "virality",
        "figures": figures,
        "left_out": left_out,
        "seconds": round(time.perf_counter() - began, 1),
        "machine": machine(),
    }


def _early_popularity(table: pl.DataFrame) -> list[Figure]:
    """Five folds by chance; every figure is a mean over all videos, each as its own fold has it."""
    part = pl.Series(folds(table.height, seed=1))
    runs = []
    for left_out in range(FOLDS):
        note(f"  fold {left_out + 1} of {FOLDS}")
        train, test = table.filter(part != left_out), table.filter(part == left_out)
        runs.append(early_popularity.evaluate(train, test))
    figures = []
    for pairs in zip(*(run["pairs"] for run in runs), strict=True):
        figures += _pair(pairs)
    percentiles = [run["percentile"] for run in runs]
    return [*figures, _error("percentile error, days 91-120", percentiles, "error")]


def _prepublication(videos: pl.DataFrame, snapshots: pl.DataFrame) -> list[Figure]:
    """First charted views, and the same where the age of the video at that time is given."""
    found = prepublication.evaluate(videos, snapshots, _TRAIN_UNTIL, _TEST_FROM)
    figures = []
    for asked, errors, band in (
        ("", "ours_age_unknown", "band_age_unknown"),
        (" at a known age", "ours", "band"),
    ):
        about = f"first charted views{asked}"
        figures += [
            _beside(f"{about}, R2 log10", found, errors, "r2_log10"),
            _beside(f"{about}, MAE log10", found, errors, "mae_log10"),
            *_band(about, found[band]),
        ]
    return figures


def _next_day(videos: pl.DataFrame, snapshots: pl.DataFrame) -> list[Figure]:
    """Growth of the logarithm of views until the next day."""
    found = next_day.evaluate(videos, snapshots, _TRAIN_UNTIL, _TEST_FROM)
    return [
        _beside("next day, MAE", found, "ours", "mae_ln"),
        _beside("next day, R2", found, "ours", "r2"),
        *_band("next day", found["band"]),
    ]


def _beside(what: str, found: Facts, ours: str, name: str) -> Figure:
    """A figure of an evaluation and those of its baselines on the same rows."""
    others = {other: errors[name] for other, errors in found["baselines"].items() if name in errors}
    return _figure(what, found[ours][name], others)


def _band(about: str, band: Facts) -> list[Figure]:
    return [
        _figure(f"{about}, coverage", band["coverage"]),
        *(
            _figure(f"{about}, coverage, worst {group}", band[f"worst_{group}"])
            for group in ("category", "size")
        ),
        _figure(f"{about}, upper/lower, median", band["median_upper_over_lower"]),
    ]


def _pair(pairs: Sequence[Facts]) -> list[Figure]:
    """Error and band of one age and horizon, of all folds."""
    between = f"{pairs[0]['observed_days']} -> {pairs[0]['predicted_day']} d"
    bands = [{"videos": pair["videos"], **pair["band"]} for pair in pairs]
    categories: dict[str, list[Facts]] = {}
    for band in bands:
        for group in band["by_category"]:
            categories.setdefault(group["category"], []).append({**group, "videos": group["rows"]})
    worst = min(
        _mean(groups, "coverage")
        for groups in categories.values()
        if sum(group["rows"] for group in groups) >= ENOUGH_ROWS
    )
    return [
        _error(f"MRSE {between}", pairs, "mrse"),
        _figure(f"{between}, coverage", _mean(bands, "coverage")),
        _figure(f"{between}, coverage, worst category", worst),
        _figure(f"{between}, upper/lower, median", _mean(bands, "median_upper_over_lower")),
    ]


def _error(what: str, folds: Sequence[Facts], name: str) -> Figure:
    """An error and those of the baselines."""
    others = [{"videos": fold["videos"], **fold["baselines"]} for fold in folds]
    common = set(others[0]).intersection(*others) - {"videos"}
    return _figure(
        what,
        _mean(folds, name),
        {other: _mean(others, other) for other in others[0] if other in common},
    )


def _figure(what: str, ours: float, baselines: dict[str, float] | None = None) -> Figure:
    bar, stretch = _BARS.get(what, (None, None))
    return {
        "what": what,
        "ours": ours,
        "bar": bar,
        "stretch": stretch,
        "baselines": baselines or {},
    }


def _mean(folds: Sequence[Facts], name: str) -> float:
    """Mean of a figure, every video of every fold counting once."""
    videos = sum(fold["videos"] for fold in folds)
    return float(sum(fold[name] * fold["videos"] for fold in folds) / videos)
