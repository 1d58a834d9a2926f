"""Short histories against long ones: the figures, made again by hand where they can be."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from infra.cli.app import app
from streams.outliers.model.errors import EvaluationError
from streams.outliers.model.evaluation import LONG, SHORT, evaluate

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
SPREAD, CHANNELS, UPLOADS = 0.4, 40, 60

Figures = dict[str, Any]


def lists(channels: int = CHANNELS, uploads: int = UPLOADS) -> pl.DataFrame:
    """Whole upload lists: an upload a week, years ago, with hits; and one of now."""
    rng = np.random.default_rng(11)
    level = np.repeat(rng.normal(4, 0.8, channels), uploads)
    hit = rng.random(channels * uploads) < 0.03
    x = level + rng.normal(0, SPREAD, channels * uploads) + 1.2 * hit
    place = np.tile(np.arange(uploads), channels)
    published = [NOW - dt.timedelta(days=200 + 7 * int(uploads - one)) for one in place]
    rows = pl.DataFrame(
        {
            "channel_id": [f"c{one // uploads:02}" for one in range(channels * uploads)],
            "video_id": [f"v{one}" for one in range(channels * uploads)],
            "published": published,
            "views": (10**x).astype(np.int64),
        }
    )
    now = pl.DataFrame(
        {"channel_id": ["now"], "video_id": ["now"], "published": [NOW], "views": [1]}
    )
    return pl.concat([rows, now]).sample(fraction=1, shuffle=True, seed=2)


@pytest.fixture(scope="module")
def uploads() -> pl.DataFrame:
    return lists()


@pytest.fixture(scope="module")
def figures(uploads: pl.DataFrame) -> Figures:
    return evaluate(uploads)


def row(figures: Figures, definition: str, history: int, priors: str = "other") -> Figures:
    found = [
        one
        for one in figures["short against long"]
        if (one["definition"], one["history"]) == (definition, history)
        and priors in (one["priors"] or priors)
    ]
    assert len(found) == 1
    return dict(found[0])


def test_every_upload_with_forty_earlier_ones_is_judged(figures: Figures) -> None:
    assert figures["rows"] == CHANNELS * UPLOADS + 1
    assert figures["uploads judged"] == CHANNELS * (UPLOADS - LONG)
    assert figures["channels judged"] == CHANNELS
    assert figures["left out"] == {"younger than 48 h": 1}
    assert figures["views taken to be of"] == NOW.isoformat()


def _medians(uploads: pl.DataFrame, history: int) -> np.ndarray:
    """views / median of the earlier, one upload after another."""
    found = []
    ordered = uploads.filter(pl.col("channel_id") != "now").sort("channel_id", "published")
    for _, channel in ordered.group_by("channel_id", maintain_order=True):
        views = [one + 1 for one in channel["views"]]
        found += [
            views[at] / float(np.median(views[at - history : at])) for at in range(LONG, len(views))
        ]
    return np.array(found)


@pytest.mark.parametrize("history", SHORT)
def test_recall_and_precision_of_the_familiar_multiple(
    uploads: pl.DataFrame, figures: Figures, history: int
) -> None:
    long, short = _medians(uploads, LONG), _medians(uploads, history)
    truth, flagged = long >= 3, short >= 3

    found = row(figures, "views / median", history)

    assert found["flagged by 40"] == pytest.approx(truth.mean())
    assert found["own threshold"] == pytest.approx(
        {
            "flagged": flagged.mean(),
            "recall": (truth & flagged).sum() / truth.sum(),
            "precision": (truth & flagged).sum() / flagged.sum(),
        }
    )
    as_many = short >= np.sort(short)[-truth.sum()]
    same = found["same flag rate"]
    assert same["recall"] == same["precision"]
    assert same["recall"] == pytest.approx((truth & as_many).sum() / truth.sum())
    assert found["flag rate of views / median"] == same


def test_more_history_agrees_more(figures: Figures) -> None:
    for definition in ("views / median", "views / expected", "verdict", "tail probability"):
        agreed = [row(figures, definition, one)["same flag rate"]["recall"] for one in SHORT]
        assert agreed == sorted(agreed)


@pytest.mark.parametrize("priors", ["other", "ship"])
def test_ours_agrees_more_than_the_median_at_its_flag_rate(figures: Figures, priors: str) -> None:
    theirs = row(figures, "views / median", 5)["same flag rate"]
    for definition in ("views / expected", "verdict"):
        ours = row(figures, definition, 5, priors)["flag rate of views / median"]
        assert ours["flagged"] == pytest.approx(theirs["flagged"])
        assert ours["recall"] > theirs["recall"]


def test_flag_rates_of_every_definition_with_their_formulas(figures: Figures) -> None:
    rates = {
        (one["definition"], one["priors"], one["history"]): one for one in figures["flag rates"]
    }

    assert len(rates) == (2 + 3 + 3) * (1 + len(SHORT)) + 1
    assert all(0 <= one["flagged"] <= 1 and one["formula"] for one in rates.values())
    # Hits are 3 %; three times the median is hardly more than a standard deviation.
    assert rates["views / median", None, 40]["flagged"] > 0.1
    assert rates["verdict", "priors of the file's other channels", 40]["flagged"] < 0.05


def test_few_channels_are_judged_by_what_ships_alone() -> None:
    figures = evaluate(lists(channels=4, uploads=50))

    assert "only those that ship: " in figures["priors"]
    assert {one["priors"] for one in figures["short against long"]} == {None, "priors that ship"}


def test_the_same_file_gives_the_same_figures_in_any_order() -> None:
    few = lists(channels=4, uploads=50)

    assert json.dumps(evaluate(few.reverse())) == json.dumps(evaluate(few))


def test_lists_that_are_too_short_are_refused() -> None:
    with pytest.raises(EvaluationError, match=r"more than 40 .*longest list has 30"):
        evaluate(lists(channels=3, uploads=30))


@pytest.mark.parametrize("write", [pl.DataFrame.write_csv, pl.DataFrame.write_ndjson])
def test_the_command_prints_figures_of_text_files(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    file = tmp_path / ("uploads.csv" if write is pl.DataFrame.write_csv else "uploads.ndjson")
    write(lists(channels=3, uploads=45), file)

    done = CliRunner().invoke(app, ["evaluate", "outliers", "--uploads", str(file), "--json"])

    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["uploads judged"] == 15
    shown = CliRunner().invoke(app, ["evaluate", "outliers", "--uploads", str(file)])
    assert "15 uploads of 3 channels have 40 earlier ones" in shown.output
    assert "views / median" in shown.output
