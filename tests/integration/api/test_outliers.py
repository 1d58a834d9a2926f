"""Outliers, shifts and niches over HTTP."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    OUTLIER_BASELINES,
    OUTLIER_DETECTIONS,
    OUTLIER_NICHES,
    OUTLIER_SHIFTS,
    VIDEO_SNAPSHOTS,
)
from tests.integration.api.conftest import Api
from tests.integration.api.test_reads import detection

Make = Callable[[str], str]

_days = itertools.count()


@pytest.fixture
def noon() -> dt.datetime:
    """Noon of a day that no other test has."""
    return dt.datetime(2021, 1, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=next(_days) * 50)


def judged(api: Api, channel: str, day: dt.datetime, tests: int) -> None:
    """The channel's state row says that so many of its videos were judged that day."""
    api.fold(
        "channels",
        OUTLIER_BASELINES,
        {
            "channel_id": channel,
            "as_of": day,
            "snapshots": tests,
            "days": [{"day": day.replace(hour=0), "tests": tests}],
            "applied_offset": tests,
        },
    )


def missed(
    api: Api, channel: str, as_of: dt.datetime, gone: int, days: dict[dt.datetime, int], offset: int
) -> None:
    """A state row by which so many tests were on days that have left it."""
    api.fold(
        "channels",
        OUTLIER_BASELINES,
        {
            "channel_id": channel,
            "as_of": as_of,
            "snapshots": 1,
            "days": [
                {"day": day.replace(hour=0), "tests": tests} for day, tests in sorted(days.items())
            ],
            "tests_gone": gone,
            "applied_offset": offset,
        },
    )


def found(api: Api, query: str) -> dict[str, dict[str, Any]]:
    answer = api.client.get(f"/api/v1/outliers?{query}")
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["items"])
    return {item["video_id"]: item for item in page["items"]}


def observe(
    api: Api, channel: str, video: str, published: dt.datetime, hours: float, views: int | None
) -> None:
    api.fold(
        "videos",
        VIDEO_SNAPSHOTS,
        {
            "event_id": f"{video}@{hours}",
            "occurred_at": published + dt.timedelta(hours=hours),
            "video_id": video,
            "channel_id": channel,
            "title": "t",
            "published_at": published,
            "duration_s": 600,
            "category": "20",
            "views": views,
            "likes": None,
            "comments": None,
        },
    )


def test_q_values_are_those_of_benjamini_and_hochberg_over_all_channels_tests(
    api: Api, unique: Make, noon: dt.datetime
) -> None:
    one, other = unique("c"), unique("c")
    judged(api, one, noon, 30)
    judged(api, other, noon, 70)
    ps = [0.0001, 0.0008, 0.0028, 0.0029, 0.0095]
    videos = [unique("v") for _ in ps]
    api.fold(
        "outliers",
        OUTLIER_DETECTIONS,
        *(
            detection(video, channel, tail_probability=p, occurred_at=noon)
            for video, p, channel in zip(videos, ps, [one, other, one, one, other], strict=True)
        ),
    )
    # By hand: p m / rank is .01, .04, .0933, .0725, .19, and each takes the least from it on.
    items = found(api, f"channel_id={one}") | found(api, f"channel_id={other}")
    wanted = [0.01, 0.04, 0.0725, 0.0725, 0.19]
    assert [items[video]["q_value"] for video in videos] == pytest.approx(wanted)
    assert set(found(api, f"channel_id={one}&fdr=0.1")) == {videos[0], videos[2], videos[3]}
    assert set(found(api, f"channel_id={other}&fdr=0.1")) == {videos[1]}
    assert set(found(api, f"channel_id={one}&fdr=0.03")) == {videos[0]}
    assert found(api, f"channel_id={one}&fdr=0.001") == {}
    assert set(found(api, f"channel_id={one}&max_probability=0.0028")) == {videos[0], videos[2]}


def test_after_compaction_days_that_only_some_channels_still_know_have_no_q_value(
    api: Api, unique: Make, noon: dt.datetime
) -> None:
    day = noon.replace(year=2012)  # before any other test's: what is missing concerns all channels
    later = day + dt.timedelta(days=20)
    quiet, lively, steady = unique("c"), unique("c"), unique("c")
    old, new = unique("v"), unique("v")
    # The quiet channel's newest row still knows the day; of the lively one's the newest is left.
    missed(api, quiet, day, 0, {day: 4}, 1)
    missed(api, steady, day, 0, {day: 100}, 1)
    missed(api, steady, later, 100, {later: 6}, 2)  # every row of it was read
    api.fold(
        "outliers",
        OUTLIER_DETECTIONS,
        detection(old, quiet, tail_probability=0.0001, occurred_at=day),
        detection(new, quiet, tail_probability=0.001, occurred_at=later),
    )
    assert found(api, f"channel_id={quiet}")[old]["q_value"] == pytest.approx(0.0001 * 104)
    missed(api, lively, later, 9_000, {later: 50}, 2)
    items = found(api, f"channel_id={quiet}")
    assert items[old]["q_value"] is None
    assert "not known" in items[old]["not_computed"]["q_value"]
    assert items[new]["q_value"] == pytest.approx(0.001 * 56)
    assert set(found(api, f"channel_id={quiet}&fdr=1")) == {new}


def test_discoveries_are_of_the_newest_thirty_days_unless_asked_further_back(
    api: Api, unique: Make, noon: dt.datetime
) -> None:
    channel, old, new = unique("c"), unique("v"), unique("v")
    before = noon - dt.timedelta(days=31)
    judged(api, channel, noon, 10)
    judged(api, unique("c"), before, 10)
    api.fold(
        "outliers",
        OUTLIER_DETECTIONS,
        *(
            detection(video, channel, tail_probability=0.001, occurred_at=at)
            for video, at in ((old, before), (new, noon))
        ),
    )
    assert set(found(api, f"channel_id={channel}&fdr=0.1")) == {new}
    since = f"{before:%Y-%m-%dT%H:%M:%SZ}"
    assert set(found(api, f"channel_id={channel}&fdr=0.1&since={since}")) == {old, new}
    assert found(api, f"channel_id={unique('c')}&fdr=0.1") == {}


def test_what_a_recount_took_back_is_told_and_is_no_discovery(
    api: Api, unique: Make, noon: dt.datetime
) -> None:
    channel, stands, gone = unique("c"), unique("v"), unique("v")
    judged(api, channel, noon, 10)
    back = noon + dt.timedelta(hours=2)
    first = detection(gone, channel, tail_probability=0.0001, occurred_at=noon)
    api.fold(
        "outliers",
        OUTLIER_DETECTIONS,
        detection(stands, channel, tail_probability=0.004, occurred_at=noon),
        first,
        first
        | {"event_id": unique("e"), "occurred_at": back, "views": 5, "verdict": "retracted"}
        | {"retracts": first["event_id"]},
    )
    assert set(found(api, f"channel_id={channel}")) == {stands}
    assert set(found(api, f"channel_id={channel}&verdict=retracted")) == {gone}
    items = found(api, f"channel_id={channel}&include_retracted=true")
    assert (items[stands]["verdict"], items[stands]["retracted_at"]) == ("outlier", None)
    assert items[stands]["q_value"] == pytest.approx(0.04)  # the first of ten, not the second
    assert items[gone]["verdict"] == "retracted"
    assert dt.datetime.fromisoformat(items[gone]["retracted_at"]) == back
    assert (items[gone]["views"], items[gone]["retracted_views"]) == (9000, 5)
    assert items[gone]["q_value"] is None
    assert "taken back" in items[gone]["not_computed"]["q_value"]
    assert set(found(api, f"channel_id={channel}&include_retracted=true&fdr=0.5")) == {stands}


def test_a_doubtful_detection_gives_way_to_the_one_that_confirms_it(
    api: Api, unique: Make, noon: dt.datetime
) -> None:
    channel, video = unique("c"), unique("v")
    doubtful = detection(video, channel, occurred_at=noon, too_recent=True, event_id=unique("e"))
    later = noon + dt.timedelta(hours=9)
    sure = detection(video, channel, occurred_at=later, event_id=unique("e"))
    api.fold("outliers", OUTLIER_DETECTIONS, doubtful, sure | {"confirms": doubtful["event_id"]})
    (item,) = found(api, f"channel_id={channel}&include_uncertain=true").values()
    assert (item["event_id"], item["verdict"]) == (sure["event_id"], "outlier")
    (item,) = found(api, f"channel_id={channel}&verdict=confirmed").values()
    assert (item["event_id"], item["verdict"]) == (doubtful["event_id"], "confirmed")
    assert item["confirmed_by"] == sure["event_id"]


def test_pages_by_cursor_have_every_detection_once(
    api: Api, unique: Make, noon: dt.datetime
) -> None:
    channel, videos = unique("c"), [unique("v") for _ in range(7)]
    api.fold(
        "outliers",
        OUTLIER_DETECTIONS,
        *(
            detection(video, channel, multiple=3.0 + number % 3, occurred_at=noon)
            for number, video in enumerate(videos)
        ),
    )
    for sort in ("newest", "multiple"):
        seen: list[str] = []
        path = f"/api/v1/outliers?channel_id={channel}&sort={sort}&limit=3"
        cursor = None
        while True:
            page = api.client.get(path + (f"&cursor={cursor}" if cursor else "")).json()
            assert page["total"] == 7
            seen += [item["video_id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
            # A newer one comes in between: it shifts nothing.
            api_new = detection(unique("v"), unique("c"), occurred_at=noon)
            api.fold("outliers", OUTLIER_DETECTIONS, api_new)
        assert sorted(seen) == sorted(videos)
    assert api.client.get("/api/v1/outliers?cursor=nonsense").status_code == 400


def test_the_familiar_figures_are_those_of_their_formulas(
    api: Api, unique: Make, noon: dt.datetime
) -> None:
    channel, hit = unique("c"), unique("v")
    others = [unique("v") for _ in range(10)]
    for number, other in enumerate(others):
        published = noon - dt.timedelta(days=30 - number)
        observe(api, channel, other, published, 7 * 24 + 1, 100 * (number + 1))
        observe(api, channel, other, published, 20 * 24, 200 * (number + 1))
    observe(api, channel, hit, noon, 7 * 24 - 3, 9_000)
    observe(api, channel, hit, noon, 9 * 24, 11_000)
    observe(api, channel, hit, noon, 10 * 24 - 1, 12_150)
    api.fold(
        "channels",
        CHANNEL_SNAPSHOTS,
        {
            "event_id": unique("e"),
            "occurred_at": noon,
            "channel_id": channel,
            "title": "C",
            "subscribers": 4_000,
            "views": 1,
            "videos": 11,
        },
    )
    api.fold("outliers", OUTLIER_DETECTIONS, detection(hit, channel, occurred_at=noon))
    item = found(api, f"channel_id={channel}")[hit]
    assert item["latest_views"] == 12_150
    assert item["views_per_median"] == pytest.approx(12_150 / 1_100)
    assert item["views_per_subscriber_100"] == pytest.approx(12_150 / 4_000 * 100)
    assert item["velocity"] == pytest.approx(12_150 / 239)
    assert item["velocity_24h"] == pytest.approx(1_150 / 23)
    assert item["vs_surrounding_10"] == pytest.approx(12_150 / 1_100)
    assert item["seven_day_multiple"] == pytest.approx(9_000 / 550)
    formulas = api.client.get("/api/v1/outliers?limit=1").json()["formulas"]
    labelled = {"multiple", "tail_probability", "q_value", "views_per_median", "velocity"}
    assert labelled | {"views_per_subscriber_100", "vs_surrounding_10"} <= formulas.keys()
    # How many videos were judged that day nobody has said.
    assert item["not_computed"].keys() == {"q_value"}


def test_what_cannot_be_computed_is_null_with_a_reason(
    api: Api, unique: Make, noon: dt.datetime
) -> None:
    channel, alone, hidden, unseen = unique("c"), unique("v"), unique("v"), unique("v")
    observe(api, channel, alone, noon, 5, 100)
    observe(api, channel, hidden, noon, 5, None)
    api.fold(
        "outliers",
        OUTLIER_DETECTIONS,
        *(detection(video, channel, occurred_at=noon) for video in (alone, hidden, unseen)),
    )
    figures = {
        "views_per_median",
        "views_per_subscriber_100",
        "velocity",
        "velocity_24h",
        "vs_surrounding_10",
        "seven_day_multiple",
    }
    items = found(api, f"channel_id={channel}")
    assert items[alone]["velocity"] == 20
    for video, known in ((alone, {"velocity"}), (hidden, set()), (unseen, set())):
        item = items[video]
        assert {name for name in figures if item[name] is not None} == known
        assert item["not_computed"].keys() >= figures - known
    assert "never observed" in items[alone]["not_computed"]["views_per_subscriber_100"]
    assert "hidden" in items[hidden]["not_computed"]["velocity"]
    assert items[unseen]["latest_views"] is None


def shift(channel: str, event: str, at: dt.datetime, **facts: Any) -> dict[str, Any]:
    return {
        "event_id": event,
        "occurred_at": at,
        "channel_id": channel,
        "measure": "channel",
        "format": None,
        "direction": "up",
        "factor": 2.0,
        "before_log10": 3.0,
        "after_log10": 3.3,
        "observations": 8,
        "since": at - dt.timedelta(days=8),
        "statistic": 12.5,
        "source_partition": 0,
        "source_offset": 1,
        **facts,
    }


def test_shifts_of_a_channel_are_listed_newest_first(
    api: Api, unique: Make, noon: dt.datetime
) -> None:
    channel, events = unique("c"), [unique("e") for _ in range(3)]
    api.fold(
        "shifts",
        OUTLIER_SHIFTS,
        shift(channel, events[0], noon),
        shift(channel, events[1], noon + dt.timedelta(days=9), direction="down", factor=0.5),
        shift(channel, events[2], noon, measure="videos", format="short"),
        shift(channel, events[0], noon),
    )

    def listed(query: str = "") -> list[str]:
        page = api.client.get(f"/api/v1/outliers/shifts?channel_id={channel}{query}").json()
        assert page["total"] == len(page["items"])
        return [item["event_id"] for item in page["items"]]

    assert listed()[0] == events[1]
    assert sorted(listed()) == sorted(events)
    assert listed("&measure=videos") == [events[2]]
    assert listed("&direction=down") == [events[1]]
    assert listed(f"&since={(noon + dt.timedelta(days=1)).isoformat().replace('+', '%2B')}") == [
        events[1]
    ]
    first = api.client.get(f"/api/v1/outliers/shifts?channel_id={channel}&limit=2").json()
    rest = api.client.get(
        f"/api/v1/outliers/shifts?channel_id={channel}&limit=2&cursor={first['next_cursor']}"
    ).json()
    seen = [item["event_id"] for item in first["items"] + rest["items"]]
    assert (sorted(seen), rest["next_cursor"]) == (sorted(events), None)


def test_niches_are_listed_while_they_are_open(api: Api, unique: Make, noon: dt.datetime) -> None:
    channel, niches = unique("c"), [unique("n"), unique("n")]

    def row(niche: str, **facts: Any) -> dict[str, Any]:
        return {
            "event_id": unique("e"),
            "occurred_at": noon,
            "niche_id": niche,
            "terms": ["ハムスター", 'quote "'],
            "channels": [channel, "b", "c"],
            "videos": ["x", "y", "z"],
            "median_multiple": 7.5,
            "first_seen": noon - dt.timedelta(days=2),
            "open": True,
            **facts,
        }

    api.fold("niches", OUTLIER_NICHES, row(niches[0]), row(niches[1], open=True))
    api.fold("niches", OUTLIER_NICHES, row(niches[1], open=False))
    path = f"/api/v1/outliers/niches?channel_id={channel}"
    page = api.client.get(path).json()
    (item,) = page["items"]
    assert (item["niche_id"], page["total"]) == (niches[0], 1)
    assert item["terms"] == ["ハムスター", 'quote "']
    both = api.client.get(f"{path}&include_closed=true").json()
    assert {one["niche_id"]: one["open"] for one in both["items"]} == {
        niches[0]: True,
        niches[1]: False,
    }
