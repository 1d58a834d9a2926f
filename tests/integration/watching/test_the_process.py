"""A channel that is watched at the command line is looked at by the poller's process."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from schemas.catalogue import CHANNEL_SNAPSHOTS, VIDEO_SNAPSHOTS
from streams.outliers.watching.listing import listing
from streams.outliers.watching.store import listed
from tests.fix_youtube import YouTubeLocal
from tests.integration.infra.waiting import until
from tests.integration.watching.conftest import Bench, events_of

YOUNG = dt.timedelta(days=90)


def some(youtube_local: YouTubeLocal, key: str) -> list[Any]:
    """Two channels with some uploads in the last weeks, and the largest number of uploads."""
    world, now = youtube_local.world, youtube_local.now(key)
    found = []
    for channel_id in world.channel_ids():
        total, videos = world.uploads(channel_id, now, 0, 50)
        young = [one for one in videos if now - one.published_at < YOUNG]
        if 5 < len(young) < 40 and total > 50:
            found += world.channels([channel_id], now)
        if len(found) == 2:
            break
    return found


def test_what_is_watched_is_looked_at(bench: Bench, youtube_local: YouTubeLocal) -> None:
    first, _ = some(youtube_local, bench.key)
    [outcome] = bench.facts("channels", "watch", first.handle)
    assert (outcome["channel_id"], outcome["outcome"]) == (first.channel_id, "watched")
    bench.start("infra.run", "poller")
    keys = {first.channel_id}

    def seen() -> bool:
        mine = [row for row in listed(bench.settings.dsn)[0] if row["channel_id"] in keys]
        return any(row["snapshots"] > 1 for row in mine)

    until(seen, "the channel to be looked at")
    until(lambda: events_of(bench.settings, VIDEO_SNAPSHOTS, keys), "a video snapshot")
    [mine] = [one for one in listing(bench.settings)["channels"] if one["channel_id"] in keys]
    assert (mine["title"], mine["requested_by"]) == (first.title, "cli")
    assert mine["snapshots"] > 1


@pytest.mark.slow
def test_watch_look_list_unwatch(bench: Bench, youtube_local: YouTubeLocal) -> None:
    first, second = some(youtube_local, bench.key)
    page = f"https://www.youtube.com/channel/{second.channel_id}"
    nobody = "UC" + "x" * 22
    code, out, error = bench.groundswell("channels", "watch", first.handle, page, nobody)
    assert code == 1, error
    assert f"{first.title} ({first.channel_id}) is watched from now on" in out, error
    assert "YouTube has no channel UCxxxx" in error
    assert "Traceback" not in error
    [again] = bench.facts("channels", "watch", first.channel_id)
    assert (again["outcome"], again["title"]) == ("unchanged", first.title)
    spent_before = youtube_local.spent(bench.key)

    bench.start("infra.run", "poller")
    keys = {first.channel_id, second.channel_id}

    def seen() -> bool:
        mine = [row for row in listed(bench.settings.dsn)[0] if row["channel_id"] in keys]
        return len(mine) == 2 and all(row["snapshots"] > 1 for row in mine)

    until(seen, "both channels to be looked at")
    said = bench.facts("channels", "list")
    assert said["poller"]["state"] in ("looking", "resting")
    mine = {one["channel_id"]: one for one in said["channels"] if one["channel_id"] in keys}
    for one in mine.values():
        assert one["requested_by"] == "cli"
        assert one["last_look"] < one["next_look"]

    until(lambda: len(events_of(bench.settings, CHANNEL_SNAPSHOTS, keys)) >= 2, "channel snapshots")
    snapshots = events_of(bench.settings, VIDEO_SNAPSHOTS, keys)
    assert len({one["event_id"] for one in snapshots}) == len(snapshots)
    for one in snapshots:
        at = one["occurred_at"]
        [before] = youtube_local.world.videos([one["video_id"]], at - dt.timedelta(seconds=30))
        [after] = youtube_local.world.videos([one["video_id"]], at)
        assert before.views is not None
        assert after.views is not None
        low, high = sorted((before.views, after.views))
        assert low <= one["views"] <= high
        assert (one["title"], one["published_at"]) == (after.title, after.published_at)
        assert one["duration_s"] == after.duration_s
        assert (one["likes"] is None) == (after.likes is None)
    for channel in (first, second):
        _, videos = youtube_local.world.uploads(channel.channel_id, youtube_local.now(), 0, 50)
        public = {
            one.video_id
            for one in videos
            if youtube_local.now() - one.published_at < YOUNG and one.status == "public"
        }
        observed = {s["video_id"] for s in snapshots if s["channel_id"] == channel.channel_id}
        assert observed >= public - {videos[0].video_id}
        assert mine[channel.channel_id]["videos_followed"] == len(observed)
    # To the unit: what the server counted is what the list says.
    units = sum(row["units"] for row in listed(bench.settings.dsn)[0])
    assert units == pytest.approx(youtube_local.spent(bench.key) - spent_before)

    [gone] = bench.facts("channels", "unwatch", first.channel_id)
    assert gone["outcome"] == "unwatched"
    [unknown] = bench.facts("channels", "unwatch", first.channel_id)
    assert unknown["outcome"] == "unchanged"
    assert bench.facts("channels", "unwatch", page)[0]["outcome"] == "unwatched"
    left = {one["channel_id"] for one in bench.facts("channels", "list")["channels"]}
    assert not left & keys
