from __future__ import annotations

import datetime as dt

from schemas.catalogue import CHANNEL_SNAPSHOTS, VIDEO_SNAPSHOTS
from streams.outliers.watching.observed import event_id, text
from streams.outliers.watching.watch import HOUR, MOST_FOLLOWED, Watch
from tests.unit.outliers.watching.made import DAY, NOW, channel, video, watching


def test_what_is_observed_is_published_as_it_is() -> None:
    watch = watching({"c": [5.0]})
    hidden = channel("c", subscribers=None, views=None, videos=None)
    [(topic, seen)] = watch.saw_channels(["c"], [hidden], NOW)
    assert topic == CHANNEL_SNAPSHOTS
    assert (seen["subscribers"], seen["views"], seen["videos"]) == (None, None, None)
    shrunk = video("c-0", "c", 5.0, views=40, likes=None, comments=None, duration_s=None)
    [(topic, seen)] = watch.saw_videos(["c-0"], [shrunk], NOW)
    assert topic == VIDEO_SNAPSHOTS
    assert (seen["views"], seen["likes"], seen["comments"]) == (40, None, None)
    assert (seen["duration_s"], seen["channel_id"]) == (None, "c")
    assert seen["occurred_at"] == dt.datetime.fromtimestamp(NOW, dt.UTC)


def test_an_id_follows_from_what_was_observed_and_when() -> None:
    at = dt.datetime(2026, 5, 4, 12, 0, 0, 1, tzinfo=dt.UTC)
    later = at + dt.timedelta(microseconds=1)
    made = {event_id(kind, name, when) for kind in "cv" for name in "ab" for when in (at, later)}
    assert len(made) == 8
    assert event_id("v", "a", at) == event_id("v", "a", at)


def test_only_what_is_missing_twice_is_gone() -> None:
    watch = watching({"c": [5.0, 50.0]})
    assert watch.saw_videos(["c-0"], [], NOW) == []
    assert watch.counts(NOW) == {"c": 2}
    watch.saw_videos(["c-0"], [], NOW + HOUR)
    assert watch.counts(NOW) == {"c": 1}
    assert watch.videos["c-0"].views is None
    # It stays known: a list that still has it brings no new video.
    assert watch.saw_uploads("c", ["c-0"], NOW + HOUR, cut=False) == []


def test_an_answer_that_has_it_again_starts_the_count_anew() -> None:
    watch = watching({"c": [5.0]})
    watch.saw_videos(["c-0"], [], NOW)
    watch.saw_videos(["c-0"], [video("c-0", "c", 5.0)], NOW + HOUR)
    watch.saw_videos(["c-0"], [], NOW + 2 * HOUR)
    assert watch.counts(NOW) == {"c": 1}


def test_a_channel_that_is_watched_no_more_takes_its_videos_with_it() -> None:
    watch = watching({"a": [1.0], "b": [1.0, 2.0]})
    watch.stored()
    came, went = watch.only({"a": ("a", NOW), "c": ("c", NOW)})
    assert (came, went) == (["c"], ["b"])
    assert set(watch.videos) == {"a-0"}
    assert watch.dropped_videos == {"b-0", "b-1"}
    # An answer that was on its way changes nothing any more.
    assert watch.saw_videos(["b-0"], [video("b-0", "b", 1.0)], NOW) == []
    assert watch.saw_channels(["b"], [channel("b")], NOW) == []
    assert watch.saw_uploads("b", ["b-2"], NOW, cut=False) == []


def test_an_old_video_is_known_but_not_followed() -> None:
    watch = watching({"c": []})
    watch.saw_uploads("c", ["old"], NOW, cut=False)
    assert watch.saw_videos(["old"], [video("old", "c", 91 * 24.0)], NOW) == []
    assert watch.counts(NOW) == {"c": 0}
    assert "old" in watch.videos
    watch.tidy(NOW + 91 * DAY)
    assert "old" not in watch.videos


def test_a_count_that_nothing_refreshes_is_forgotten() -> None:
    watch = watching({"c": [5.0, 6.0]})
    watch.saw_videos(["c-0"], [video("c-0", "c", 5.0)], NOW + 29 * DAY)
    watch.stored()
    watch.tidy(NOW + 30 * DAY, 30 * DAY)
    assert (watch.videos["c-0"].views, watch.videos["c-1"].views) == (100, None)
    assert watch.changed_videos == {"c-1"}


def test_of_very_many_uploads_the_newest_are_taken() -> None:
    watch = watching({"c": []})
    found = watch.saw_uploads("c", [f"v{n}" for n in range(5_000)], NOW, cut=True)
    assert len(found) == 5_000
    assert list(watch.videos) == [f"v{n}" for n in range(MOST_FOLLOWED)]


def test_the_number_of_videos_tells_of_uploads() -> None:
    watch = watching({"c": [5.0]})
    told = []
    for videos in (9, 11):  # one was deleted, then there are two more
        watch.saw_channels(["c"], [channel("c", videos=videos)], NOW)
        told.append(watch.channels["c"].told)
    watch.saw_uploads("c", ["new", "c-0"], NOW, cut=False)
    assert [*told, watch.channels["c"].told] == [False, True, False]
    watch.saw_uploads("c", ["newer", "new"], NOW, cut=False)
    assert (watch.channels["c"].foretold, watch.channels["c"].surprising) == (1, 1)


def test_growth_is_held_against_what_was_expected() -> None:
    watch = watching({"c": [25.0, 25.0, 25.0]})
    counts = {"c-0": 100, "c-1": 110, "c-2": 50}
    watch.saw_videos(list(counts), [video(v, "c", 25.0, views=n) for v, n in counts.items()], NOW)
    idle, lively, shrunk = (watch.videos[one] for one in counts)
    assert idle.grown == 0 < lively.grown
    assert shrunk.grown == 0
    assert idle.expected == lively.expected > 0


def test_units_are_shared_by_those_that_a_look_was_about() -> None:
    watch = watching({"a": [1.0, 2.0, 3.0], "b": [1.0]})
    watch.spent("channels", ["a", "b"], 1)
    watch.spent("videos", ["a-0", "a-1", "a-2", "b-0"], 1)
    watch.spent("uploads", ["b"], 3)
    assert (watch.channels["a"].units, watch.channels["b"].units) == (0.5 + 0.75, 0.5 + 0.25 + 3)


def test_text_that_no_store_would_take_is_mended() -> None:
    assert text("a\0b\ud800c\u00e4") == "ab?c\u00e4"


def test_nothing_is_watched_at_first() -> None:
    assert Watch().counts(NOW) == {}
