"""The simulated platform: the same for a seed, and shaped like a real one."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import defaultdict, deque
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infra.ingest.formats import open_feed
from infra.ingest.publishing import publish_batches
from infra.simulator.engagement import engagement
from infra.simulator.scenario import Scenario
from infra.simulator.snapshots import channel_snapshots, grown, video_snapshots
from infra.simulator.stream import batches, write
from infra.simulator.world import make_world
from schemas.avro_types import frame_schema
from schemas.catalogue import ENGAGEMENT, VIDEO_SNAPSHOTS
from tests.unit.infra_tools.recording import RecordingPublisher

BUCKETS = (0, 6, 24, 48, 72, 168, 336, 720)  # hours


def events_of(scenario: Scenario) -> pl.DataFrame:
    return pl.concat(engagement(scenario, make_world(scenario)))


def outliers(snapshots: pl.DataFrame) -> set[str]:
    """The rule for outliers, one snapshot at a time."""
    recent: defaultdict[tuple, deque[float]] = defaultdict(lambda: deque(maxlen=20))
    seen, found = set(), set()
    for row in snapshots.iter_rows(named=True):
        hours = (row["occurred_at"] - row["published_at"]) / dt.timedelta(hours=1)
        bucket = max(b for b in BUCKETS if b <= hours)
        if (row["video_id"], bucket) in seen:
            continue
        seen.add((row["video_id"], bucket))
        x = np.log10(row["views"] + 1)
        past = recent[row["channel_id"], row["duration_s"] <= 180, bucket]
        if len(past) >= 5 and bucket >= 6:
            median = statistics.median(past)
            mad = statistics.median(abs(p - median) for p in past)
            if 10 ** (x - median) >= 3 and (x - median) / max(1.4826 * mad, 0.1) >= 3:
                found.add(row["video_id"])
        past.append(x)
    return found


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    scenario = Scenario(3_000, videos=40, channels=5, seed=9)

    write(scenario, make_world(scenario), tmp_path / "a")
    write(scenario, make_world(scenario), tmp_path / "b")

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_another_seed_gives_another_platform() -> None:
    one = make_world(Scenario(0, videos=40, channels=5, seed=1))
    other = make_world(Scenario(0, videos=40, channels=5, seed=2))

    assert not set(one.videos["video_id"]) & set(other.videos["video_id"])


def test_videos_are_the_same_however_many_events_there_are() -> None:
    one = make_world(Scenario(10, videos=40, channels=5)).videos

    assert one.equals(make_world(Scenario(10_000, videos=40, channels=5)).videos)


@pytest.mark.parametrize("count", [0, 1, 99, 5_000, 120_000])
def test_there_are_as_many_events_as_were_asked_for(count: int) -> None:
    scenario = Scenario(count, videos=40, channels=5)
    frames = list(engagement(scenario, make_world(scenario)))

    assert sum(frame.height for frame in frames) == count
    for frame in frames:
        assert dict(frame.schema).keys() == frame_schema(ENGAGEMENT.schema).keys()


def test_a_hundredth_of_the_events_is_repeated_and_the_repeat_is_the_same_event() -> None:
    events = events_of(Scenario(50_000))

    assert events.height - events["event_id"].n_unique() == 500
    assert events.unique().height == events["event_id"].n_unique()


def test_a_repeat_comes_soon() -> None:
    events = events_of(Scenario(50_000)).with_row_index("at")
    apart = events.group_by("event_id").agg(pl.col("at").max() - pl.col("at").min())["at"]

    assert 0 < apart.max() < 5_000


def test_some_events_arrive_late_and_out_of_order() -> None:
    times = events_of(Scenario(50_000))["occurred_at"]
    late = times.cum_max() - times

    assert 0.1 < (late > dt.timedelta(0)).mean() < 0.9
    assert late.max() > dt.timedelta(minutes=30)
    assert (late > dt.timedelta(minutes=5)).mean() < 0.05


def test_events_happen_within_the_window_and_after_publication() -> None:
    scenario = Scenario(20_000)
    world = make_world(scenario)
    events = pl.concat(engagement(scenario, world)).join(
        world.videos.select("video_id", "published_at"), on="video_id"
    )

    assert events["occurred_at"].min() >= scenario.start
    assert events["occurred_at"].max() < scenario.start + dt.timedelta(hours=scenario.hours)
    assert events.filter(pl.col("occurred_at") < pl.col("published_at")).is_empty()


def test_an_unlike_takes_back_a_like_of_the_same_viewer() -> None:
    events = events_of(Scenario(100_000)).unique("event_id")
    likes = events.filter(pl.col("kind") == "like")
    unlikes = events.filter(pl.col("kind") == "unlike")

    pairs = unlikes.join(likes, on=["video_id", "viewer_id"])
    matched = pairs.filter(pl.col("occurred_at") >= pl.col("occurred_at_right"))
    assert unlikes.height > 100
    assert matched["event_id"].n_unique() == unlikes.height


def test_only_views_are_watched() -> None:
    events = events_of(Scenario(20_000))

    assert (events["watch_ms"].is_not_null() == (events["kind"] == "view")).all()
    assert (events["watch_ms"].drop_nulls() >= 0).all()


def test_few_videos_have_most_of_the_events() -> None:
    counts = events_of(Scenario(100_000))["video_id"].value_counts()["count"].sort(descending=True)

    assert counts.head(30).sum() > 0.5 * counts.sum()


def test_the_night_is_quiet() -> None:
    hours = events_of(Scenario(100_000))["occurred_at"].dt.hour()

    assert hours.is_between(15, 17).sum() > 1.5 * hours.is_between(3, 5).sum()


def test_views_grow_fast_at_first_and_slowly_later() -> None:
    ages = np.array([0, 1, 2, 24, 48, 720, 1440]) * 3_600_000_000
    shares = grown(ages)

    assert shares[0] == 0
    assert (np.diff(shares) > 0).all()
    assert shares[-1] < 1
    assert shares[1] / 1 > (shares[4] - shares[3]) / 24 > (shares[6] - shares[5]) / 720


def test_some_snapshots_are_recounts() -> None:
    scenario = Scenario(0, videos=1_000, channels=50)
    views = video_snapshots(scenario, make_world(scenario))
    falls = views.select((pl.col("views").diff().over("video_id") < 0).sum()).item()

    assert 0 < falls < views.height * 0.02


def test_some_likes_are_hidden() -> None:
    scenario = Scenario(0, videos=1_000, channels=50)
    hidden = video_snapshots(scenario, make_world(scenario))["likes"].is_null().mean()

    assert 0 < hidden < 0.1


def test_snapshots_come_in_order_and_before_the_end() -> None:
    scenario = Scenario(0)
    world = make_world(scenario)
    end = scenario.start + dt.timedelta(hours=scenario.hours)

    snapshots = video_snapshots(scenario, world)
    assert snapshots["occurred_at"].is_sorted()
    assert snapshots["occurred_at"].max() < end
    assert (snapshots["occurred_at"] > snapshots["published_at"]).all()
    assert channel_snapshots(scenario, world)["occurred_at"].max() < end


def test_channel_counts_never_fall() -> None:
    scenario = Scenario(0)
    counts = channel_snapshots(scenario, make_world(scenario))

    for name in ("subscribers", "views", "videos"):
        assert counts.select((pl.col(name).diff().over("channel_id") >= 0).all()).item()


@pytest.mark.parametrize("seed", range(1, 9))
def test_planted_outliers_are_what_the_rule_finds(seed: int) -> None:
    scenario = Scenario(0, seed=seed)
    world = make_world(scenario)

    found = outliers(video_snapshots(scenario, world))

    planted = set(world.planted["video_id"])
    assert len(planted) == 5
    assert planted <= found
    assert len(found - planted) <= 6


def test_small_platforms_have_no_outliers_to_plant() -> None:
    assert make_world(Scenario(0, videos=3, channels=3)).planted.is_empty()


def test_a_scenario_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="give each at least one"):
        Scenario(1, videos=2, channels=3)
    with pytest.raises(ValueError, match="at least one video"):
        Scenario(-1)


def test_a_scenario_can_end_at_an_instant() -> None:
    end = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    scenario = Scenario.ending(end, events=1_000, hours=24)

    assert scenario.start == end - dt.timedelta(hours=24)
    assert events_of(scenario)["occurred_at"].max() < end


def test_every_simulated_event_keeps_the_rules_of_its_topic() -> None:
    scenario = Scenario(5_000, videos=40, channels=5)
    world = make_world(scenario)
    publisher = RecordingPublisher()

    report = publish_batches(batches(scenario, world), publisher)

    assert report.rejected == 0
    assert report.by_topic[ENGAGEMENT.name] == 5_000
    assert report.by_topic[VIDEO_SNAPSHOTS.name] == video_snapshots(scenario, world).height


def test_a_written_file_can_be_ingested(tmp_path: Path) -> None:
    scenario = Scenario(2_000, videos=40, channels=5)
    world = make_world(scenario)
    path = tmp_path / "platform.ndjson"
    counts = write(scenario, world, path)
    direct, from_file = RecordingPublisher(), RecordingPublisher()

    publish_batches(batches(scenario, world), direct)
    report = publish_batches(open_feed(path).batches, from_file)

    assert report.by_topic == counts
    key = str
    assert sorted(map(key, from_file.decoded())) == sorted(map(key, direct.decoded()))


def test_a_rate_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("infra.simulator.stream.time.monotonic", lambda: sum(slept))
    monkeypatch.setattr("infra.simulator.stream.time.sleep", slept.append)
    scenario = Scenario(1_000, videos=10, channels=2)

    given = sum(len(b.events) for b in batches(scenario, make_world(scenario), rate=100))

    assert sum(slept) == pytest.approx(given / 100, rel=0.1)
