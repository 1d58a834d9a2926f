"""The simulated platform: the same for everybody, as varied as the real one, its truth known."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from statistics import median

import numpy as np
import pytest

from infra.youtube_local.draws import Draws
from infra.youtube_local.simulated import SimulatedWorld
from infra.youtube_local.uploads import Uploads
from infra.youtube_local.world import Query, Video

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def world() -> SimulatedWorld:
    return SimulatedWorld(seed=1)


def all_uploads(world: SimulatedWorld, channel_id: str, now: dt.datetime = NOW) -> list[Video]:
    total, _ = world.uploads(channel_id, now, 0, 0)
    return world.uploads(channel_id, now, 0, total)[1]


def test_a_seed_is_one_world_whoever_asks_first(world: SimulatedWorld) -> None:
    again = SimulatedWorld(seed=1)
    last = world.channel_ids()[-1]
    backwards = again.uploads(last, NOW, 0, 50)[1]
    for channel_id in world.channel_ids()[:5]:
        world.uploads(channel_id, NOW, 0, 50)

    assert world.uploads(last, NOW, 0, 50)[1] == backwards
    assert world.channels([last], NOW) == again.channels([last], NOW)
    query = Query("family gaming funny moments")
    assert world.search_channels(query, NOW) == again.search_channels(query, NOW)


def test_another_seed_is_another_world(world: SimulatedWorld) -> None:
    other = SimulatedWorld(seed=2)

    assert not set(world.channel_ids()) & set(other.channel_ids())
    assert other.channels(world.channel_ids()[:50], NOW) == []


def test_it_has_what_a_client_must_expect(world: SimulatedWorld) -> None:
    counts = [world.count(at, NOW) for at in range(len(world.plan))]
    channels = world.channels(world.channel_ids(), NOW)
    topics = {topic for channel in channels for topic in channel.topics}

    assert sum(count >= 50 for count in counts) > 3000
    assert sum(0 < count < 50 for count in counts) > 100
    assert sum(count == 0 for count in counts) > 50
    assert max(counts) > 5000
    assert sum(channel.hidden for channel in channels) > 50
    assert {"Music", "Politics", "Action-adventure_game"} <= topics
    assert any(not channel.title.isascii() for channel in channels)
    found = world.search_channels(Query("family gaming funny moments"), NOW)
    assert len(found) > 100


def test_titles_have_what_rules_of_content_look_for(world: SimulatedWorld) -> None:
    titles = {
        video.title
        for channel_id in world.channel_ids()[:400]
        for video in world.uploads(channel_id, NOW, 0, 10)[1]
    }

    for part in ("Doors horror", "door mini golf", "FUNNY", "REACT", "!!", "18+", "ゲーム", "😂"):
        assert any(part in title for title in titles), part


def test_uploads_are_newest_first_and_each_is_found_by_its_id(world: SimulatedWorld) -> None:
    channel_id = next(c for at, c in enumerate(world.channel_ids()) if world.count(at, NOW) > 100)
    uploads = all_uploads(world, channel_id)

    assert all(newer.published_at > older.published_at for newer, older in pairwise(uploads))
    assert all(video.published_at <= NOW for video in uploads)
    assert len({video.video_id for video in uploads}) == len(uploads)
    assert world.videos([video.video_id for video in uploads[:50]], NOW) == uploads[:50]
    newest = uploads[0]
    assert world.videos([newest.video_id], newest.published_at - dt.timedelta(seconds=1)) == []


def test_views_grow_with_the_clock_and_a_few_are_counted_again(world: SimulatedWorld) -> None:
    start = NOW - 20 * DAY
    newest = np.array([world.count(at, start) - 1 for at in range(600)])
    channel = np.repeat(np.nonzero(newest > 20)[0], 20)
    uploads = Uploads(Draws(1), world.plan, channel, newest[channel] - np.arange(len(channel)) % 20)
    looks = [uploads.views(start + at * DAY / 2) for at in range(40)]
    steps = [after - before for before, after in pairwise(looks)]

    assert sum((step > 0).sum() for step in steps) > 50_000
    fell = np.unique(np.concatenate([np.nonzero(step < 0)[0] for step in steps]))
    assert 0.001 < len(fell) / len(channel) < 0.02  # of RECOUNTED some before, some after


def test_the_clock_of_a_video_is_the_clock_of_its_views(world: SimulatedWorld) -> None:
    at = next(at for at in range(50) if world.count(at, NOW) > 20)
    video = world.uploads(world.channel_ids()[at], NOW - DAY, 0, 1)[1][0]
    hours = [video.published_at + dt.timedelta(hours=h) for h in (0, 1, 6)]

    views = [world.videos([video.video_id], hour)[0].views or 0 for hour in hours]

    assert views[0] == 0
    assert 0 < views[1] < views[2]


def test_planted_outliers_stand_out_of_their_channel(world: SimulatedWorld) -> None:
    multiples = []
    late = NOW - 30 * DAY
    for channel_id in world.channel_ids()[:60]:
        planted = {one.video_id: one for one in world.planted(channel_id, late)}
        if not planted or world.shift(channel_id, NOW) is not None:
            continue
        uploads = [video for video in all_uploads(world, channel_id) if video.published_at < late]
        lengths = [video for video in uploads if (video.duration_s or 0) > 60]
        usual = [video.views or 0 for video in lengths if video.video_id not in planted]
        if len(usual) < 40:
            continue
        multiples += [
            (video.views or 0) / median(usual) / planted[video.video_id].multiple
            for video in lengths
            if video.video_id in planted and video.views
        ]

    assert len(multiples) > 30
    assert 0.8 < median(multiples) < 1.25


def test_a_channel_s_level_shifts_where_the_truth_says(world: SimulatedWorld) -> None:
    ratios = []
    for channel_id in world.channel_ids():
        shift = world.shift(channel_id, NOW)
        if shift is None:
            continue
        since, factor = shift
        videos = [
            video
            for video in all_uploads(world, channel_id)
            if (video.duration_s or 0) > 60 and video.published_at < NOW - 30 * DAY
        ]
        before = [video.views or 0 for video in videos if video.published_at < since]
        after = [video.views or 0 for video in videos if video.published_at >= since]
        if min(len(before), len(after)) >= 20:
            ratios.append(median(after) / median(before) / factor)
        if len(ratios) == 20:
            break

    assert len(ratios) == 20
    assert 0.85 < median(ratios) < 1.18


def test_a_broadcast_is_announced_then_on_air_then_over(world: SimulatedWorld) -> None:
    streaming = [c for c, on in zip(world.channel_ids(), world.plan.streaming, strict=True) if on]
    broadcast = next(
        video
        for channel_id in streaming
        for video in world.uploads(channel_id, NOW - 10 * DAY, 0, 50)[1]
        if video.starts_at is not None and video.status == "public"
    )
    assert broadcast.starts_at is not None
    moments = [
        broadcast.published_at,
        broadcast.starts_at + dt.timedelta(minutes=5),
        broadcast.starts_at + dt.timedelta(hours=3),
    ]

    states = [world.videos([broadcast.video_id], moment)[0] for moment in moments]

    assert [state.live for state in states] == ["upcoming", "live", "none"]
    assert [state.duration_s is None for state in states] == [True, True, False]
    assert states[0].views == 0
