"""Examples, windows and measures of training."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from infra.simulator.scenario import Scenario
from infra.simulator.stream import frames
from infra.simulator.world import make_world
from schemas.catalogue import ENGAGEMENT, VIDEO_SNAPSHOTS, VIDEO_UPLOADS
from streams.virality.features import FEATURES
from streams.virality.models import bundle
from streams.virality.models.score import Calibration, Thresholds, tail
from streams.virality.training import card
from streams.virality.training.drift import drift, psi
from streams.virality.training.examples import OLDEST_H, YOUNGEST_H, questions
from streams.virality.training.fit import Recipe
from streams.virality.training.measures import errors, measured
from streams.virality.training.split import Split
from streams.virality.training.tables import hourly_engagement, observations_of, videos_of
from streams.virality.training.train import Data, TooLittleDataError, Trained, train
from tests.unit.virality.moments import frame, moment, usual

QUICK = Recipe(rounds=10)


def simulated(videos: int = 900) -> Data:
    """A platform's uploads, snapshots and engagement, as training reads them."""
    scenario = Scenario(500, videos, 45)
    of: dict[str, list[pl.DataFrame]] = {}
    for topic, part in frames(scenario, make_world(scenario)):
        of.setdefault(topic.name, []).append(part)
    uploads, snapshots, engagement = (
        pl.concat(of[topic.name]) for topic in (VIDEO_UPLOADS, VIDEO_SNAPSHOTS, ENGAGEMENT)
    )
    known = videos_of(uploads, snapshots)
    hourly = hourly_engagement(engagement.lazy())
    return Data(known, observations_of(snapshots, hourly, known), "a simulated platform")


DATA = simulated()


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(DATA, "quick", QUICK)


@pytest.mark.parametrize("stage", ["before", "after"])
def test_questions_ask_for_counts_that_came_later(stage: Any) -> None:
    asked = questions(DATA.videos, DATA.observations, stage, most_videos=10**6, seed=1)
    counts = asked.join(DATA.videos, on="video_id").join(
        DATA.observations.rename({"at": "known_at"}), on=["video_id", "known_at"]
    )

    assert counts.height == asked.height > 500
    assert (asked["at"] < asked["known_at"]).all()
    assert np.allclose(counts["actual"], np.log10(counts["views"] + 1))
    age = (counts["known_at"] - counts["published_at"]).dt.total_microseconds() / 3.6e9
    assert np.allclose(counts["horizon_h"], age)
    assert age.is_between(YOUNGEST_H, OLDEST_H).all()
    assert asked["now"].is_null().all() if stage == "before" else asked["now"].is_not_null().all()


def test_questions_are_the_same_whatever_the_order_of_the_tables() -> None:
    for stage in ("before", "after"):
        one = questions(DATA.videos, DATA.observations, stage, most_videos=300, seed=1)  # type: ignore[arg-type]
        shuffled = questions(
            DATA.videos.sample(fraction=1, shuffle=True, seed=4),
            DATA.observations.sample(fraction=1, shuffle=True, seed=5),
            stage,  # type: ignore[arg-type]
            most_videos=300,
            seed=1,
        )
        assert one.equals(shuffled)
        assert one["video_id"].n_unique() <= 300


def test_windows_follow_each_other_and_share_no_answer(trained: Trained) -> None:
    split = trained.split
    for windows in trained.windows.values():
        assert (windows.train.asked["known_at"] < split.calibrate_from).all()
        assert (windows.calibrate.asked["at"] >= split.calibrate_from).all()
        assert (windows.calibrate.asked["known_at"] < split.test_from).all()
        assert (windows.test.asked["at"] >= split.test_from).all()


def test_what_came_after_the_training_window_does_not_move_the_trees(trained: Trained) -> None:
    later = pl.col("at") >= trained.split.calibrate_from
    changed = DATA.observations.with_columns(
        pl.when(later).then(pl.col("views") * 7 + 1000).otherwise("views").alias("views"),
        pl.when(later).then(pl.lit(None)).otherwise("likes").alias("likes"),
    )
    again = train(Data(DATA.videos, changed, "the same"), "quick", QUICK)

    assert again.split == trained.split
    for stage, model in trained.bundle.stages.items():
        other = again.bundle.stages[stage]
        for part in ("point", "low", "high"):
            assert getattr(model, part).texts == getattr(other, part).texts
    after = trained.bundle.stages["after"]
    assert (
        after.bands[0].scores["all"].tolist()
        != again.bundle.stages["after"].bands[0].scores["all"].tolist()
    )


def test_the_same_data_give_the_same_bytes(trained: Trained, tmp_path: Any) -> None:
    again = train(DATA, "quick", QUICK)
    for name, one in (("one", trained), ("two", again)):
        (tmp_path / name).mkdir()
        bundle.save(one.bundle, tmp_path / name)
        metrics = measured(one)
        card.write(card.card_of(one, metrics, drift(one)), tmp_path / name)

    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert {"manifest.json", "card.md", "card.html"} < set(files)
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), (
            name
        )


def test_measures_are_beside_baselines_on_the_same_rows(trained: Trained) -> None:
    found = measured(trained)

    for stage, windows in trained.windows.items():
        assert found[stage]["examples"]["test"] == windows.test.height
        assert len(found[stage]["baselines"]) == 2
        assert sum(one["rows"] for one in found[stage]["score"]["bins"]) == windows.test.height
        assert 0 <= found[stage]["score"]["ece"] <= 1
    assert found["after"]["ours"]["mae"] < found["after"]["baselines"]["constant velocity"]["mae"]


@pytest.mark.parametrize("videos", [0, 1, 90])
def test_too_little_says_how_much_there_is_and_is_needed(videos: int) -> None:
    few = DATA.videos.head(videos)
    counts = DATA.observations.join(few, on="video_id", how="semi")

    with pytest.raises(TooLittleDataError) as raised:
        train(Data(few, counts, "little"), "quick", QUICK)
    assert "200" in str(raised.value)


def test_errors_of_a_forecast_by_hand() -> None:
    found = errors(np.array([3.0, 4.0, 5.0]), np.array([3.1, 4.0, 4.7]))

    assert found["mae"] == pytest.approx(0.4 / 3)
    assert found["r2"] == pytest.approx(1 - 0.1 / 2)
    assert found["within_30_percent"] == pytest.approx(2 / 3)


def test_the_stability_index_by_hand() -> None:
    feature = next(one for one in FEATURES if one.name == "hour")
    same = np.arange(1000.0)

    assert psi(same, same, feature) == 0
    assert psi(same, np.full(10, np.nan), feature) > 5
    half = np.tile(same[same < 500], 2)
    empty = (0.1 - 1e-4) * np.log(0.1 / 1e-4)  # five tenths lost all, five have twice as much
    assert psi(same, half, feature) == pytest.approx(5 * empty + 5 * 0.1 * np.log(2), rel=0.02)


def test_a_threshold_is_the_channel_s_own_or_that_of_the_category() -> None:
    thresholds = Thresholds(5.0, {24: 6.0})
    at = thresholds.at(
        frame(
            moment(history=usual(4)),
            moment(history=usual(4), category="10"),
            moment(history=usual(30)),
        ),
        np.full(3, 24.0),
    )

    assert at[0] == 6.0
    assert at[1] == 5.0
    assert 4.7 < at[2] < 5.3
    later = thresholds.at(frame(moment()), np.array([720.0]))
    assert later[0] > 6.5  # views grow until then


def test_a_calibration_makes_frequencies_of_probabilities() -> None:
    generator = np.random.default_rng(1)
    raw = generator.random(20_000)
    came = (generator.random(raw.size) < raw**2).astype(np.float64)
    said = Calibration.of(raw, came)(np.array([0.1, 0.5, 0.9]))

    assert said == pytest.approx([0.01, 0.25, 0.81], abs=0.03)
    risen = Calibration.of(raw, came)(np.linspace(0, 1, 200))
    assert (np.diff(risen) >= 0).all()
    assert Calibration.from_json(Calibration.of(raw, came).as_json()) == Calibration.of(raw, came)
    few = Calibration.of(raw[:50], came[:50])
    assert few(raw) == pytest.approx(raw)


def test_the_tail_of_a_band() -> None:
    median, lower, upper = np.full(4, 4.0), np.full(4, 3.0), np.full(4, 6.0)
    said = tail(np.array([4.0, 6.0, 3.0, 100.0]), median, lower, upper)

    assert said == pytest.approx([0.5, 0.05, 0.95, 0.0], abs=1e-9)


def event(kind: str, minutes: float, number: int, video: str = "a") -> dict[str, Any]:
    at = dt.datetime(2026, 6, 1, 10, tzinfo=dt.UTC) + dt.timedelta(minutes=minutes)
    return {"event_id": f"e{number}", "video_id": video, "occurred_at": at, "kind": kind}


def test_engagement_counts_where_there_are_no_snapshots() -> None:
    events = pl.DataFrame(
        [
            event("view", 1, 1), event("view", 2, 2), event("view", 2, 2), event("like", 3, 3),
            event("view", 70, 4), event("unlike", 80, 5), event("unlike", 81, 6),
            event("view", 5, 7, "b"), event("view", 5, 8, "of nobody"),
            event("impression", 5, 9),
        ]
    )  # fmt: skip
    published = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
    uploads = pl.DataFrame(
        [
            {"video_id": name, "channel_id": "c", "published_at": published, "title": name}
            for name in "ab"
        ]
    )
    snapshots = pl.DataFrame(
        [{"video_id": "b", "channel_id": "c", "published_at": published, "title": None,
          "occurred_at": published + dt.timedelta(hours=5), "views": 77}],
        schema_overrides={"title": pl.String},
    )  # fmt: skip
    videos = videos_of(uploads, snapshots)
    found = observations_of(snapshots, hourly_engagement(events.lazy()), videos)

    of_a = found.filter(video_id="a").sort("at")
    assert of_a["views"].to_list() == [2, 3]
    assert of_a["likes"].to_list() == [1, 0]  # never below none
    assert of_a["at"].dt.hour().to_list() == [11, 12]
    assert found.filter(video_id="b")["views"].to_list() == [77]
    assert set(found["video_id"]) == {"a", "b"}


def test_what_an_upload_says_counts_before_a_snapshot() -> None:
    published = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
    base = {"video_id": "a", "channel_id": "c", "published_at": published}
    uploads = pl.DataFrame([{**base, "title": "told", "description": "see https://a.example now"}])
    snapshots = pl.DataFrame(
        [{**base, "title": "seen", "occurred_at": published, "views": 1},
         {**base, "video_id": "b", "title": "old", "occurred_at": published, "views": 1},
         {**base, "video_id": "b", "title": "new", "occurred_at": published + dt.timedelta(1),
          "views": 1}]
    )  # fmt: skip
    found = videos_of(uploads, snapshots).sort("video_id")

    assert found["title"].to_list() == ["told", "new"]
    assert found["links"].to_list() == [1, None]


def test_a_split_is_by_time() -> None:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    asked = pl.DataFrame({"at": [start + dt.timedelta(days=day) for day in range(101)]})
    split = Split.of([asked])

    assert split.calibrate_from == start + dt.timedelta(days=70)
    assert split.test_from == start + dt.timedelta(days=85)
