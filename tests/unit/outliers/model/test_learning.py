"""What is learned from snapshots: a simulated platform's own growth and spread."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from infra.simulator.scenario import HOUR, Scenario
from infra.simulator.snapshots import grown, video_snapshots
from infra.simulator.world import World, make_world
from streams.outliers.model import curves, spread
from streams.outliers.model.calibration import measured
from streams.outliers.model.errors import TooLittleDataError
from streams.outliers.model.growth import AGES_H, ALL, Growth
from streams.outliers.model.histories import histories
from streams.outliers.model.observations import increments, observations, spans
from streams.outliers.model.posterior import upper_tail
from streams.outliers.model.training import Trained, train

FOREVER = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(Scenario(events=0, videos=2400, channels=100, seed=3, history_days=80))


@pytest.fixture(scope="module")
def snapshots(world: World) -> pl.DataFrame:
    scenario = Scenario(events=0, videos=2400, channels=100, seed=3, history_days=80)
    return video_snapshots(scenario, world)


@pytest.fixture(scope="module")
def trained(snapshots: pl.DataFrame) -> Trained:
    return train(snapshots, Growth.default(), facts={"topic": "made up"})


def test_growth_is_learned_where_the_log_tells_of_it(trained: Trained) -> None:
    curve = np.array(trained.growth.curves[ALL])
    ages = np.array(AGES_H)
    told = (ages >= 3) & (ages <= 600)
    truth = np.log10(grown(ages[told] * HOUR))

    # What it does not tell of, growth after weeks, shifts the whole of it.
    off = curve[told] - truth
    assert np.ptp(off) < 0.05


def test_the_spread_within_channels_is_learned_whatever_hits_there_are(trained: Trained) -> None:
    for variance in trained.growth.priors[ALL].variance:
        assert np.sqrt(variance) == pytest.approx(Scenario.noise, rel=0.15)
    assert trained.growth.forgetting >= 0.96  # nothing moves there


def test_the_later_part_was_kept_apart_and_is_described_better(trained: Trained) -> None:
    learned, serving = trained.evaluation["learned"], trained.evaluation["serving"]

    assert trained.better
    assert learned["log score"] > serving["log score"]
    off = learned["growth"]["mean absolute error"]
    assert off < serving["growth"]["mean absolute error"] < learned["growth"]["no growth"]
    assert trained.facts["topic"] == "made up"
    assert trained.facts["to"] == trained.since.isoformat()


def test_what_was_learned_does_not_know_the_later_part(
    snapshots: pl.DataFrame, trained: Trained
) -> None:
    later = pl.col("occurred_at") >= trained.since
    moved = snapshots.with_columns(
        pl.when(later).then(pl.col("views") * 7).otherwise(pl.col("views")).alias("views")
    )

    assert train(moved, Growth.default()).growth.version == trained.growth.version


def test_the_order_of_the_log_and_repeats_change_nothing(
    snapshots: pl.DataFrame, trained: Trained
) -> None:
    doubled = pl.concat([snapshots, snapshots[::7]]).sample(fraction=1, shuffle=True, seed=1)

    assert train(doubled, Growth.default()).growth.version == trained.growth.version


@pytest.mark.parametrize("which", ["learned", "shipped"])
def test_planted_outliers_are_found_and_hardly_anything_else(
    which: str, world: World, snapshots: pl.DataFrame, trained: Trained
) -> None:
    growth = trained.growth if which == "learned" else Growth.default()
    blocks = list(histories(observations(snapshots), growth, FOREVER))
    expected = [np.array(found.videos.of(growth)) for found in blocks]
    _, location, scale, df = np.concatenate(expected, axis=1)
    above = np.concatenate([found.videos.x for found in blocks]) - location
    tail = upper_tail(above / scale, df)
    enough = np.concatenate([found.n for found in blocks]) >= 5
    videos = np.concatenate([found.rows["video_id"].to_numpy() for found in blocks])
    planted = np.isin(videos, world.planted["video_id"].to_numpy())

    verdict = enough & (tail <= 0.01) & (above >= np.log10(3))
    # All with a history are found, and of what is found less than one in a hundred is wrong.
    assert set(videos[planted & enough]) == set(videos[planted & verdict])
    assert not (verdict & ~planted).any()
    # The probability keeps its word: judged videos are five times fewer than judgements.
    assert (tail <= 0.01)[enough & ~planted].mean() < 0.015


def test_figures_do_not_depend_on_blocks(
    snapshots: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    observed = observations(snapshots)
    since = observed["occurred_at"].sort()[int(observed.height * 0.9)]

    whole = measured(Growth.default(), observed, since)
    monkeypatch.setattr("streams.outliers.model.histories.BLOCK", 177)

    assert measured(Growth.default(), observed, since) == whole
    assert whole["judged"] > 354
    nobody = measured(Growth.default(), observed, dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
    assert (nobody["judged"], nobody["log score"]) == (0, None)


def test_narrow_groups_have_curves_of_their_own_and_are_drawn_to_wider_ones() -> None:
    slow = _growths("long", "10", 0.10, 400)
    fast = _growths("long", "20", 0.30, 400)
    few = _growths("short", "10", 0.30, 150)

    learned = curves.learned_curves(pl.concat([slow, fast, few]))

    assert set(learned) == {ALL, "long", "long/10", "long/20"}
    at = {name: curve[AGES_H.index(24.0)] for name, curve in learned.items()}
    assert at["long/20"] < at["long"] < at["long/10"]


def _growths(format: str, category: str, growth: float, count: int) -> pl.DataFrame:
    """All from 24 h to 48 h."""
    return pl.DataFrame(
        {
            "format": [format] * count,
            "category": [category] * count,
            "from_h": 24.0,
            "to_h": 48.0,
            "growth": growth,
        }
    )


def test_negative_growth_gives_no_falling_curve() -> None:
    learned = curves.learned_curves(_growths("long", "10", -0.2, 500))

    assert (np.diff(learned[ALL]) >= 0).all()


def test_increments_are_from_one_observation_to_the_next_and_spans_from_the_first() -> None:
    published = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    counts = {1: 99, 5: 999, 3: None, 9: 9999, 10: -1, 3000: 10}
    frame = pl.DataFrame(
        {
            "video_id": "v",
            "channel_id": "c",
            "published_at": published,
            "occurred_at": [published + dt.timedelta(hours=hours) for hours in counts],
            "duration_s": [60] * len(counts),
            "category": ["10"] * len(counts),
            "views": list(counts.values()),
        }
    )

    observed = observations(frame)

    assert observed["x"].to_list() == pytest.approx([2, 3, 4])
    assert observed["format"].unique().to_list() == ["short"]
    for made, growth in ((increments, [1, 1]), (spans, [1, 2])):
        assert made(observed)["growth"].to_list() == pytest.approx(growth)
    assert increments(observed)["from_h"].to_list() == [1, 5]
    assert spans(observed)["from_h"].to_list() == [1, 1]


def test_too_little_is_refused_with_what_would_do(snapshots: pl.DataFrame) -> None:
    with pytest.raises(TooLittleDataError, match="nothing to learn from"):
        train(snapshots.head(0), Growth.default())
    with pytest.raises(TooLittleDataError, match="curves need 500"):
        train(snapshots.head(300), Growth.default())
    channels = snapshots["channel_id"].unique().sort().head(15)
    with pytest.raises(TooLittleDataError, match=r"15 channels .* priors need 20"):
        train(snapshots.filter(pl.col("channel_id").is_in(channels.implode())), Growth.default())


def test_a_history_has_the_newest_of_other_videos_and_nothing_of_later() -> None:
    published = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    # (video, hours after the first day, age): `b` contributes twice before `c` is judged.
    rows = [("a", 10, 10), ("b", 12, 7), ("b", 40, 35), ("c", 50, 8), ("d", 60, 9)]
    frame = pl.DataFrame(
        {
            "video_id": [video for video, _, _ in rows],
            "channel_id": "c",
            "published_at": [published + dt.timedelta(hours=now - age) for _, now, age in rows],
            "occurred_at": [published + dt.timedelta(hours=now) for _, now, _ in rows],
            "duration_s": pl.Series([600] * len(rows), dtype=pl.Int32),
            "category": pl.Series([None] * len(rows), dtype=pl.String),
            "views": [10, 100, 1000, 10**4, 10**5],
        }
    )
    growth = Growth.default()

    (found,) = histories(observations(frame), growth, FOREVER)

    assert found.rows["video_id"].to_list() == ["a", "b", "b", "c", "d"]
    assert found.n.tolist() == [0, 1, 1, 2, 3]
    codes = growth.codes(found.rows["format"], found.rows["category"])
    whole = found.rows["x"].to_numpy() - growth.log_share(codes, found.rows["age_h"].to_numpy())
    before_c = found.videos.earlier[3][found.videos.valid[3]]
    assert before_c.tolist() == [whole[0], whole[2]]


def test_priors_are_of_channels_with_five_videos() -> None:
    rng = np.random.default_rng(5)
    channels = [f"c{number:02}" for number in range(30)]
    videos = pl.DataFrame(
        {
            "channel_id": np.repeat(channels, 8),
            "format": "long",
            "category": "10",
            "x": np.repeat(rng.normal(4, 1, 30), 8) + rng.normal(0, 0.2, 240),
        }
    )
    lone = videos.with_columns(
        pl.concat_str(pl.col("channel_id"), pl.int_range(pl.len()).cast(pl.String)).alias(
            "channel_id"
        ),
        pl.col("x") + 50,
    )

    priors = spread.learned_priors(pl.concat([videos, lone]))

    assert set(priors) == {ALL, "long", "long/10"}
    assert priors[ALL].mean == pytest.approx(4, abs=0.5)
    assert np.sqrt(priors["long/10"].variance[2]) == pytest.approx(0.2, rel=0.25)
