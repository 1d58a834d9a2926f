"""`groundswell evaluate` and what `groundswell bench virality` prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from benchmarks import virality
from infra.cli.app import app
from tests.unit.virality_evaluation.made_up import table


def evaluate(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", *arguments])


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it: errors are turned into lines outside of the commands."""
    return subprocess.run(
        [sys.executable, "-c", "from infra.cli import main; main()", "evaluate", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A table to learn from, and one to measure on with a bad row and a video of the other."""
    folder = tmp_path_factory.mktemp("daily")
    train, test = folder / "train.parquet", folder / "test.ndjson"
    table(130).write_parquet(train)
    short = pl.DataFrame({"video_id": ["short"], "category": ["Music"], "daily_views": [[1, 2, 3]]})
    pl.concat([table(40, seed=2, first=120), short]).write_ndjson(test)
    return str(train), str(test)


@pytest.fixture(scope="module")
def answer(files: tuple[str, str]) -> dict[str, Any]:
    result = evaluate("early-popularity", "--train", files[0], "--test", files[1], "--json")
    assert result.exit_code == 0, result.output
    facts: dict[str, Any] = json.loads(result.stdout)
    return facts


def test_early_popularity_answers_with_every_pair_beside_its_baselines(
    answer: dict[str, Any],
) -> None:
    assert answer["name"] == "early-popularity"
    assert [(pair["observed_days"], pair["predicted_day"]) for pair in answer["pairs"]] == [
        (1, 30),
        (3, 30),
        (7, 30),
        (7, 90),
        (14, 90),
        (30, 90),
    ]
    for pair in answer["pairs"]:
        assert set(pair["baselines"]) == {
            "constant_scaling",
            "multivariate_linear",
            "persistence",
        }
        assert pair["mrse"] > 0
        assert 0 <= pair["band"]["coverage"] <= 1
        assert [group["category"] for group in pair["band"]["by_category"]] == ["Gaming", "Music"]
    assert answer["percentile"]["days"] == [91, 120]
    assert answer["percentile"]["error"] >= 0


def test_rows_are_counted_and_the_machine_is_named(answer: dict[str, Any]) -> None:
    assert answer["rows"]["train"]["refused"] == {"also in the test file": 10}
    assert answer["rows"]["test"] == {
        "given": 41,
        "used": 40,
        "refused": {"fewer than 119 days": 1},
    }
    assert answer["machine"]["cores"] >= 1
    assert answer["seconds"] > 0


def test_for_a_person_there_are_tables(
    answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch, files: tuple[str, str]
) -> None:
    from streams.virality.evaluation import early_popularity

    monkeypatch.setattr(early_popularity, "evaluate", lambda *_, **__: dict(answer))

    text = evaluate("early-popularity", "--train", files[0], "--test", files[1]).stdout

    line = next(line for line in text.splitlines() if line.split()[:2] == ["30", "90"])
    assert f"{answer['pairs'][-1]['mrse']:.4g}" in line.split()
    assert f"{answer['pairs'][-1]['baselines']['multivariate_linear']:.4g}" in line.split()
    assert f"{answer['percentile']['error']:.4g}" in text
    assert "rows.train.refused.also in the test file: 10" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"no parquet at all", "cannot be read"),
        (table(3).drop("daily_views"), "the training file has no column daily_views"),
        (table(3).clear(), "the training file has no rows"),
        (
            table(3).with_columns(daily_views=pl.lit([-1] * 120)),
            "the training file has no usable row: 3 x negative views",
        ),
        (table(99), "the training file has 99 rows that can be used, at least 100 are needed"),
    ],
    ids=["absent", "empty", "rubbish", "column", "rows", "negative", "few"],
)
def test_a_bad_file_is_one_line_that_says_why(
    content: bytes | pl.DataFrame | None, message: str, tmp_path: Path
) -> None:
    train, test = tmp_path / "train.parquet", tmp_path / "test.parquet"
    table(5, first=1000).write_parquet(test)
    if isinstance(content, pl.DataFrame):
        content.write_parquet(train)
    elif content is not None:
        train.write_bytes(content)

    result = process("early-popularity", "--train", str(train), "--test", str(test), "--json")

    assert result.returncode == 1
    assert result.stdout == ""
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["prepublication", "next-day"])
@pytest.mark.parametrize(
    ("until", "since", "complaint"),
    [
        ("soon", "2026-04-08", "--train-until"),
        ("2026-04-01", "later", "--test-from"),
        ("2026-04-08", "2026-04-01", "--test-from"),
    ],
)
def test_wrong_times_are_wrong_use(
    command: str, until: str, since: str, complaint: str, tmp_path: Path
) -> None:
    result = evaluate(
        command,
        *("--videos", "v.parquet", "--snapshots", "s.parquet"),
        *("--train-until", until, "--test-from", since),
    )

    assert result.exit_code == 2
    assert complaint in result.output


@pytest.mark.parametrize("command", ["prepublication", "next-day"])
def test_charts_without_the_columns_are_said_to_be_no_charts(command: str, tmp_path: Path) -> None:
    videos, snapshots = tmp_path / "videos.csv", tmp_path / "snapshots.csv"
    videos.write_text("video_id,title\na,b\n")
    snapshots.write_text("video_id,views\na,1\n")

    result = process(
        command,
        *("--videos", str(videos), "--snapshots", str(snapshots)),
        *("--train-until", "2026-04-01", "--test-from", "2026-04-08"),
    )

    assert result.returncode == 1
    assert "column" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_chart_evaluation_gets_the_tables_and_times(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from streams.virality.evaluation import next_day

    file = tmp_path / "rows.csv"
    file.write_text("video_id\na\n")
    seen: list[Any] = []

    def stand_in(*arguments: Any) -> dict[str, Any]:
        seen.extend(arguments)
        return {"name": "next-day", "ours": {"r2": 0.5}, "by": [{"size": "new", "rows": 7}]}

    monkeypatch.setattr(next_day, "evaluate", stand_in)
    result = evaluate(
        "next-day",
        *("--videos", str(file), "--snapshots", str(file)),
        *("--train-until", "2026-04-01", "--test-from", "2026-04-08T12:00:00+02:00"),
    )

    assert [seen[0].height, seen[1].height] == [1, 1]
    assert [time.isoformat() for time in seen[2:]] == [
        "2026-04-01T00:00:00+00:00",
        "2026-04-08T12:00:00+02:00",
    ]
    assert "ours.r2: 0.5" in result.stdout
    assert result.stdout.splitlines()[4].split() == ["new", "7"]


def test_the_bench_leaves_out_what_has_no_data_and_says_so(tmp_path: Path) -> None:
    result = virality.run(tmp_path)

    assert result["figures"] == []
    assert set(result["left_out"]) == {"early popularity", "prepublication", "next day"}
    assert all("not in" in why for why in result["left_out"].values())


def test_the_bench_counts_every_video_of_every_fold_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """1,499 videos are folds of 300, 300, 300, 300 and 299; only the last of them has an error."""
    table(1499).write_parquet(tmp_path / "active_daily_views.parquet")
    learnt: list[int] = []

    def stand_in(train: pl.DataFrame, test: pl.DataFrame) -> dict[str, Any]:
        learnt.append(train.height)
        error = 1.0 if test.height == 299 else 0.0
        group = {"category": "Music", "rows": test.height, "coverage": 1 - error}
        band = {"coverage": 1 - error, "median_upper_over_lower": 2.0, "by_category": [group]}
        both = {"videos": test.height, "baselines": {"persistence": 2 * error}}
        pair = {**both, "observed_days": 7, "predicted_day": 30, "mrse": error, "band": band}
        return {"pairs": [pair], "percentile": {**both, "error": error}}

    monkeypatch.setattr(virality.early_popularity, "evaluate", stand_in)
    monkeypatch.setattr(virality, "DATA", tmp_path)
    shown = CliRunner().invoke(app, ["bench", "virality"]).stdout
    figures = {figure["what"]: figure for figure in virality.run(tmp_path)["figures"]}

    assert learnt[:5] == [1199, 1199, 1199, 1199, 1200]
    found = figures["MRSE 7 -> 30 d"]
    assert found["ours"] == pytest.approx(299 / 1499)
    assert found["baselines"] == {"persistence": pytest.approx(2 * 299 / 1499)}
    assert (found["bar"], found["stretch"]) == (0.0989, 0.089)
    assert figures["7 -> 30 d, coverage, worst category"]["ours"] == pytest.approx(1200 / 1499)
    assert "MRSE 7 -> 30 d" in shown
    assert "persistence 0.3989" in shown
    assert "left out: next day: trending_videos.parquet and trending_snapshots.parquet" in shown
