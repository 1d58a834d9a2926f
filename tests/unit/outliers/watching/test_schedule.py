from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.outliers.watching.schedule import BATCH, WORTH, Look, foresee, plan, trust
from streams.outliers.watching.watch import HOUR, Watch
from tests.unit.outliers.watching.made import DAY, NOW, channel, video, watching

PAUSE = 900.0


def kinds(looks: tuple[Look, ...]) -> list[str]:
    return [look.kind for look in looks]


def test_nothing_is_planned_where_nothing_is_watched() -> None:
    assert plan(Watch(), NOW, 100, PAUSE).looks == ()


def test_a_new_channel_is_looked_at_at_once_then_listed_then_its_videos() -> None:
    watch = Watch()
    watch.only({"c": ("c", NOW)})
    assert [(look.kind, look.ids) for look in plan(watch, NOW, 9, PAUSE).looks] == [
        ("channels", ("c",))
    ]
    watch.saw_channels(["c"], [channel("c")], NOW)
    assert kinds(plan(watch, NOW, 9, PAUSE).looks) == ["uploads"]
    watch.saw_uploads("c", ["v1", "v2"], NOW, cut=False)
    [look] = plan(watch, NOW, 9, PAUSE).looks
    assert (look.kind, set(look.ids)) == ("videos", {"v1", "v2"})
    watch.saw_videos(["v1", "v2"], [video("v1", "c", 1.0), video("v2", "c", 2.0)], NOW)
    assert plan(watch, NOW, 9, PAUSE).looks == ()


def test_after_a_restart_a_list_waits_for_the_channel_whose_playlist_it_needs() -> None:
    watch = watching({"c": [5.0]}, at=NOW - DAY)
    watch.saw_channels(["c"], [channel("c", videos=12)], NOW - DAY)
    watch.playlists.clear()
    assert "uploads" not in kinds(plan(watch, NOW, 9, PAUSE).looks)


def test_after_a_restart_counts_that_a_list_waits_for_are_asked_for_at_once() -> None:
    watch = Watch()
    watch.only({one: (one, NOW) for one in ("new", "told", "quiet")})
    for one in ("new", "told", "quiet"):
        watch.saw_channels([one], [channel(one, videos=10)], NOW - HOUR)
    for one in ("told", "quiet"):
        watch.saw_uploads(one, [], NOW - HOUR, cut=False)
    watch.saw_channels(["told"], [channel("told", videos=11)], NOW - HOUR)
    watch.playlists.clear()
    [look] = plan(watch, NOW, 9, PAUSE).looks
    assert (look.kind, set(look.ids[:2])) == ("channels", {"new", "told"})
    watch.saw_channels(look.ids, [channel(one, videos=11) for one in look.ids], NOW)
    lists = [look.ids for look in plan(watch, NOW, 9, PAUSE).looks if look.kind == "uploads"]
    assert {("new",), ("told",)} <= set(lists)


def test_batches_are_filled_across_channels() -> None:
    watch = watching({f"c{n}": [3.0, 30.0, 300.0] for n in range(40)}, at=NOW - 6 * HOUR)
    looks = plan(watch, NOW, 100, PAUSE).looks
    videos = [look for look in looks if look.kind == "videos"]
    assert [len(look.ids) for look in videos] == [50, 50, 20]
    assert [len(look.ids) for look in looks if look.kind == "channels"] == [40]
    # The young ones of all channels share the first batch.
    assert {one for one in videos[0].ids if one.endswith("-0")} == {f"c{n}-0" for n in range(40)}


def test_a_channel_with_more_uploads_is_asked_about_first() -> None:
    busy = {f"busy{n:02}": [h * 6.0 for h in range(1, 40)] for n in range(BATCH)}
    quiet = {f"quiet{n:02}": [2000.0] for n in range(BATCH)}
    watch = watching(busy | quiet, at=NOW - 12 * HOUR)
    looks = plan(watch, NOW, 999, PAUSE).looks
    first, second = (look for look in looks if look.kind == "channels")
    assert set(first.ids) == set(busy)
    assert set(second.ids) == set(quiet)


def test_a_video_that_grows_faster_than_usual_is_asked_about_first() -> None:
    watch = watching({"c": [100.0] * (BATCH + 1)}, at=NOW - 4 * HOUR)
    watch.videos["c-7"].grown = watch.videos["c-7"].expected = 0.05
    watch.videos["c-9"].grown, watch.videos["c-9"].expected = 0.0, 0.05
    watch.videos["c-7"].grown = 0.5
    [look] = plan(watch, NOW, 1, PAUSE).looks[:1]
    assert look.ids[0] == "c-7"
    assert "c-9" not in look.ids


def test_there_is_a_pause_between_two_looks() -> None:
    watch = watching({"c": [0.6]}, at=NOW - PAUSE + 60)
    assert plan(watch, NOW, 9, PAUSE).looks == ()
    assert plan(watch, NOW, 9, PAUSE - 61).looks != ()


def test_uploads_that_the_count_tells_of_are_listed_at_once() -> None:
    watch = watching({"c": [50.0]}, at=NOW - 60)
    watch.saw_channels(["c"], [channel("c", videos=11)], NOW)
    [look] = plan(watch, NOW, 9, PAUSE).looks
    assert (look.kind, look.ids) == ("uploads", ("c",))


def test_uploads_that_the_count_does_not_tell_of_are_found_all_the_same() -> None:
    watch = watching({"c": [24.0 * n for n in range(1, 60)]}, at=NOW - 3 * DAY)
    watch.saw_channels(["c"], [channel("c")], NOW - 60)
    assert "uploads" in kinds(plan(watch, NOW, 99, PAUSE).looks)


def test_trust_in_the_count_follows_experience() -> None:
    watch = watching({"c": [1.0]})
    state = watch.channels["c"]
    assert trust([state]) == pytest.approx(0.9)
    state.surprising = 90
    assert trust([state]) == pytest.approx(0.09)


def test_what_is_gone_is_asked_for_once_a_day_or_not_at_all() -> None:
    watch = watching({"c": [1.0]}, at=NOW - DAY)
    for at in (NOW - DAY, NOW - 23 * HOUR):
        watch.saw_channels(["c"], [], at)
        watch.saw_videos(["c-0"], [], at)
    assert plan(watch, NOW, 9, PAUSE).looks == ()
    assert kinds(plan(watch, NOW + 2 * HOUR, 9, PAUSE).looks) == ["channels"]


def test_a_unit_that_buys_nearly_nothing_is_kept() -> None:
    watch = watching({"c": [80 * 24.0]}, at=NOW - HOUR)
    found = plan(watch, NOW, 100, PAUSE)
    assert (found.looks, found.due, found.late_s) == ((), 0, 0.0)


def test_lateness_is_that_of_the_most_overdue() -> None:
    watch = watching({"c": [1.0], "d": [1.0]}, at=NOW - DAY)
    watch.saw_channels(["c"], [channel("c")], NOW - HOUR * 2)
    found = plan(watch, NOW, 0, PAUSE)
    assert (found.looks, found.due) == ((), 2)
    assert found.late_s == DAY - PAUSE


def test_the_next_look_is_foreseen() -> None:
    watch = watching({"c": [24.0 * n for n in range(1, 90)]}, at=NOW)
    foresee(watch, Look("channels", ("c",), 1.0), NOW, PAUSE)
    foreseen = watch.channels["c"].next_look_at
    assert foreseen is not None
    assert NOW + PAUSE <= foreseen < NOW + 2 * HOUR
    early, late = foreseen - 60, foreseen + 60
    assert "channels" not in kinds(plan(watch, early, 99, PAUSE).looks)
    assert "channels" in kinds(plan(watch, late, 99, PAUSE).looks)


@given(
    ages=st.lists(st.lists(st.floats(0.0, 2100.0), max_size=60), min_size=1, max_size=8),
    units=st.integers(0, 20),
    hours=st.floats(0.0, 500.0),
)
def test_every_plan_keeps_the_rules(ages: list[list[float]], units: int, hours: float) -> None:
    watch = watching({f"c{n}": some for n, some in enumerate(ages)}, at=NOW - 3000.0)
    now = NOW + hours * HOUR
    looks = plan(watch, now, units, PAUSE).looks
    assert len(looks) <= units
    assert all(0 < len(look.ids) <= BATCH and look.worth > WORTH for look in looks)
    assert sorted(look.worth for look in looks) == [look.worth for look in looks][::-1]
    for kind in ("channels", "videos"):
        ids = [one for look in looks if look.kind == kind for one in look.ids]
        assert len(ids) == len(set(ids))
