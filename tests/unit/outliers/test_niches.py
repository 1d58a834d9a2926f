"""Titles, clusters of them, and the lives of niches."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

import pytest

from streams.outliers.niches.clusters import Cluster, Member, clusters
from streams.outliers.niches.life import Niche, Niches
from streams.outliers.niches.titles import letters, similarities, words
from streams.outliers.niches.window import Detections

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

# Unlike one another, and unlike the topics below.
REST = [
    "My morning routine in the countryside",
    "Fixing a broken washing machine",
    "كيف تصنع الخبز في المنزل",
    "Jak schudnąć bez diety",
    "料理の基本を学ぼう",
    "Самый большой торт в мире",
]
DOUGHNUTS = [
    "I tried the viral rainbow doughnut recipe",
    "Rainbow doughnut recipe: is it worth it?",
    "The rainbow doughnut recipe that broke the internet",
]
HAMSTERS = ["ハムスターの迷路チャレンジ", "巨大迷路でハムスターと遊ぶ", "ハムスター迷路 世界記録"]


def member(
    video: str, title: str, *, channel: str = "", hours: float = 0, multiple: float = 5.0
) -> Member:
    at = NOON + dt.timedelta(hours=hours)
    return Member(video, channel or f"c-{video}", title, f"e-{video}", at, multiple)


def several(titles: Sequence[str], name: str, **facts: Any) -> list[Member]:
    return [member(f"{name}{n}", title, hours=n, **facts) for n, title in enumerate(titles)]


def test_words_are_found_in_every_script() -> None:
    assert words("Ｃａｆé déjà-vu 2 GO!") == ["café", "déjà", "vu", "go"]
    assert words("विश्वकर्मा पूजा") == ["विश्वकर्मा", "पूजा"]
    assert {"ハム", "ムス", "ハムスタ"} <= set(words("ハムスター"))
    assert words("🎉 123") == []
    assert letters("The SAME — title!! ２") == "thesametitle2"


def test_titles_are_as_alike_as_what_they_share() -> None:
    alike = similarities([DOUGHNUTS[0], DOUGHNUTS[1], REST[0], "", "🎉"])
    assert alike[0, 1] > 0.3 > 0.1 > alike[0, 2]
    assert alike[3].max() == 0


@pytest.mark.parametrize(
    ("topic", "term"), [(DOUGHNUTS, "rainbow"), (HAMSTERS, "ハムスタ")], ids=["spaces", "none"]
)
def test_three_channels_with_one_topic_are_a_niche_with_its_terms(
    topic: list[str], term: str
) -> None:
    rest = several(REST, "r")
    (found,) = clusters([*several(topic, "t"), *rest])
    assert [one.video_id for one in found.members] == ["t0", "t1", "t2"]
    assert term in found.terms
    assert len(found.terms) <= 5


def test_two_channels_are_none_however_many_videos_they_have() -> None:
    videos = several(DOUGHNUTS * 2, "t")
    two = [
        member(one.video_id, f"{one.title} {n}", channel=f"c{n % 2}")
        for n, one in enumerate(videos)
    ]
    assert clusters([*two, *several(REST, "r")]) == []


def test_one_title_posted_by_many_channels_is_one_story() -> None:
    posts = [DOUGHNUTS[0], DOUGHNUTS[0].upper() + "!!", DOUGHNUTS[0], f"{DOUGHNUTS[0]} 🍩"]
    rest = several(REST, "r")
    assert clusters([*several(posts, "p"), *rest]) == []
    # Two more stories by other channels make three.
    more = several(DOUGHNUTS[1:], "q")
    (found,) = clusters([*several(posts, "p"), *more, *rest])
    assert len(found.members) == 6
    # By the channels that posted the first one they do not.
    own = [member(f"q{n}", title, channel="c-p0") for n, title in enumerate(DOUGHNUTS[1:])]
    assert clusters([*several(posts[:2], "p"), *own, *rest]) == []


def test_clusters_do_not_depend_on_the_order_of_detections() -> None:
    members = [*several(DOUGHNUTS, "d"), *several(HAMSTERS, "h"), *several(REST, "r")]
    expected = clusters(members)
    assert len(expected) == 2
    for seed in range(5):
        shuffled = random.Random(seed).sample(members, len(members))
        assert clusters(shuffled) == expected


@pytest.mark.parametrize("titles", [[], ["🎉"] * 5, ["", "", ""], ["1", "2", "3"]])
def test_titles_without_words_are_no_topic(titles: list[str]) -> None:
    assert clusters(several(titles, "t")) == []


def event(video: str, *, hours: float = 0, name: str = "", **facts: Any) -> dict[str, Any]:
    return {
        "event_id": name or f"e-{video}",
        "occurred_at": NOON + dt.timedelta(hours=hours),
        "video_id": video,
        "channel_id": f"c-{video}",
        "title": f"about {video}",
        "multiple": 4.0,
        "verdict": "outlier",
        "retracts": None,
        "confirms": None,
        **facts,
    }


def videos(detections: Detections, hours: float) -> list[str]:
    return sorted(one.video_id for one in detections.members(NOON + dt.timedelta(hours=hours)))


def test_the_window_is_of_log_time_and_leaves_out_what_was_taken_back() -> None:
    detections = Detections()
    detections.take(
        [
            event("old", hours=-14 * 24),
            event("first", hours=-13 * 24),
            event("gone"),
            event("gone", name="x", verdict="retracted", retracts="e-gone", hours=1),
            event("later", hours=30),
            event("untitled", title=None),
        ]
    )
    assert detections.newest() == NOON + dt.timedelta(hours=30)
    assert videos(detections, 2) == ["first"]
    assert videos(detections, 30) == ["later"]
    assert [end.day for end in detections.days()] == [16, 17, 2, 3]


def test_a_retraction_may_be_read_before_what_it_takes_back() -> None:
    detections = Detections()
    detections.take([event("v", name="x", verdict="retracted", retracts="e-v")])
    detections.take([event("v")])
    assert videos(detections, 1) == []


def test_a_confirmed_detection_counts_from_its_first_and_falls_with_its_last() -> None:
    detections = Detections()
    detections.take([event("v"), event("v", name="f", confirms="e-v", hours=5, multiple=9.0)])
    (one,) = detections.members(NOON + dt.timedelta(hours=6))
    assert (one.event_id, one.at, one.multiple) == ("e-v", NOON, 9.0)
    detections.take([event("v", name="x", verdict="retracted", retracts="f", hours=7)])
    assert videos(detections, 8) == []


def test_what_was_said_of_detections_is_forgotten_with_them() -> None:
    detections = Detections()
    detections.take(
        [
            event("v", hours=1),
            event("v", name="f", confirms="e-v", hours=2),
            event("v", name="x", verdict="retracted", retracts="f", hours=3),
            event("w", name="y", verdict="retracted", retracts="e-w", hours=9),
            event("z", hours=9),
            event("z", name="s", verdict="retracted", retracts="e-z", hours=2),  # read late
        ]
    )
    detections.forget(NOON + dt.timedelta(hours=5))
    detections.take([event("w", hours=8)])
    assert videos(detections, 10) == []
    assert (set(detections._gone), detections._confirmed) == ({"e-w", "e-z"}, {})
    detections.forget(NOON + dt.timedelta(hours=9))
    assert not detections._gone


def cluster(*names: str, hours: float = 0) -> Cluster:
    members = [member(name, name, hours=hours + n) for n, name in enumerate(names)]
    return Cluster(tuple(members), ("term",))


def test_a_niche_keeps_its_id_while_videos_come_and_go() -> None:
    niches = Niches()
    niches.look([cluster("a", "b", "c")])
    (name,) = niches.known
    niches.look([cluster("b", "c", "d", hours=9)])
    niche = niches.known[name]
    assert niches.known.keys() == {name}
    assert niche.videos == ("d", "c", "b")
    assert niche.first_seen == NOON
    niches.look([])
    assert not niches.known[name].open
    assert niches.known[name].videos == ("d", "c", "b")


def test_a_niche_that_splits_goes_on_in_the_part_that_shares_most() -> None:
    niches = Niches()
    niches.look([cluster("a", "b", "c", "d", "e", "f", "g")])
    (name,) = niches.known
    # The smaller part has the three detections that the name was made of.
    niches.look([cluster("a", "b", "c"), cluster("d", "e", "f", "g", hours=3)])
    assert set(niches.known[name].videos) == {"d", "e", "f", "g"}
    (other,) = niches.known.keys() - {name}
    assert set(niches.known[other].videos) == {"a", "b", "c"}


def test_the_same_clusters_give_the_same_ids_and_events_and_go_on_from_the_log() -> None:
    looks = [
        [cluster("a", "b", "c")],
        [cluster("b", "c", "d"), cluster("x", "y", "z")],
        [cluster("x", "y", "z", "w")],
    ]
    whole = Niches()
    for look in looks:
        whole.look(look)
    for cut in (1, 2):
        first = Niches()
        for look in looks[:cut]:
            first.look(look)
        told = [niche.event() for niche in first.known.values()]
        again = Niches(Niche.of(row) for row in told)
        for look in looks[cut:]:
            again.look(look)
        assert again.known == whole.known
    assert {niche.niche_id for niche in whole.changed()} == set(whole.known)
    whole.look(looks[-1])
    assert whole.changed() == []  # nothing to be sent again
    events = {niche.event()["event_id"] for niche in whole.known.values()}
    assert len(events) == 2
