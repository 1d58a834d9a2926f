"""Items of the Data API with what they lack, hide and mangle."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from streams.outliers.youtube import answers

START = dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)


def channel_item(**changes: Any) -> dict[str, Any]:
    return {
        "id": "UC1",
        "etag": "e1",
        "snippet": {
            "title": "宇宙ゲーム & 👾",
            "description": "d",
            "customUrl": "@uchuu",
            "country": "JP",
            "publishedAt": "2024-05-01T10:00:00Z",
        },
        "statistics": {
            "viewCount": "18446744073709551615",
            "subscriberCount": "1230000",
            "hiddenSubscriberCount": False,
            "videoCount": "0",
        },
        "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": "UU1"}},
        "topicDetails": {"topicCategories": ["https://en.wikipedia.org/wiki/Music"]},
        **changes,
    }


def video_item(**changes: Any) -> dict[str, Any]:
    return {
        "id": "v1",
        "etag": "e1",
        "snippet": {
            "channelId": "UC1",
            "title": "مرحبا — Tom &amp; Jerry",
            "description": "",
            "tags": ["a", "b"],
            "publishedAt": "2024-05-01T12:00:00.5+02:00",
            "categoryId": "20",
            "liveBroadcastContent": "none",
        },
        "statistics": {"viewCount": "7", "likeCount": "0", "commentCount": "3"},
        "contentDetails": {"duration": "PT1H2M3S"},
        **changes,
    }


def test_a_channel_as_it_is() -> None:
    found = answers.channel(channel_item())
    assert found.title == "宇宙ゲーム & 👾"
    assert found.published_at == START
    assert (found.handle, found.country) == ("@uchuu", "JP")
    assert found.views == 18446744073709551615
    assert (found.subscribers, found.videos) == (1_230_000, 0)
    assert found.topics == ("https://en.wikipedia.org/wiki/Music",)
    assert found.uploads_playlist == "UU1"
    assert found.etag == "e1"


@pytest.mark.parametrize(
    "statistics",
    [
        {},
        {"hiddenSubscriberCount": True},
        {"hiddenSubscriberCount": True, "subscriberCount": "0"},
        {"hiddenSubscriberCount": False},
    ],
)
def test_hidden_subscribers_are_unknown_and_not_none_at_all(statistics: dict[str, Any]) -> None:
    assert answers.channel(channel_item(statistics=statistics)).subscribers is None


def test_a_channel_of_which_hardly_anything_is_said() -> None:
    bare = {"id": "UC1", "snippet": {"publishedAt": "2024-05-01T10:00:00Z", "customUrl": "old"}}
    found = answers.channel(bare)
    assert found.handle is None
    assert (found.views, found.videos, found.uploads_playlist) == (None, None, None)
    assert (found.topics, found.country, found.title) == ((), None, "")
    empty = {"relatedPlaylists": {"uploads": ""}}
    assert answers.channel(channel_item(contentDetails=empty)).uploads_playlist is None


def test_a_video_as_it_is() -> None:
    found = answers.video(video_item())
    assert found.title == "مرحبا — Tom &amp; Jerry"  # only a search escapes its titles
    assert found.published_at == START.replace(microsecond=500_000)
    assert (found.views, found.likes, found.comments) == (7, 0, 3)
    assert (found.duration_s, found.category, found.live) == (3723, "20", "none")
    assert found.tags == ("a", "b")


def test_hidden_counts_of_a_video_are_unknown() -> None:
    found = answers.video(video_item(statistics={}))
    assert (found.views, found.likes, found.comments) == (None, None, None)


@pytest.mark.parametrize(
    ("details", "live", "seconds"),
    [
        ({"duration": "PT15M33S"}, "none", 933),
        ({"duration": "P1DT2H"}, "none", 93_600),
        ({"duration": "P2W"}, "none", 1_209_600),
        ({"duration": "P0D"}, "none", None),
        ({"duration": "P0D"}, "upcoming", None),
        ({"duration": "PT1M"}, "upcoming", None),
        ({"duration": "P0D"}, "live", None),
        ({"duration": "soon"}, "none", None),
        ({"duration": None}, "none", None),
        ({}, "none", None),
    ],
)
def test_durations(details: dict[str, Any], live: str, seconds: int | None) -> None:
    item = video_item(contentDetails=details)
    item["snippet"]["liveBroadcastContent"] = live
    assert answers.video(item).duration_s == seconds


@pytest.mark.parametrize("item", [{}, {"id": ""}, {"id": "v1"}, {"id": "v1", "snippet": {}}])
def test_an_item_without_its_id_or_its_time_is_none(item: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="without"):
        answers.video(item)
    with pytest.raises(ValueError, match="without"):
        answers.channel(item)


def test_a_searchs_texts_lose_their_entities() -> None:
    item = {
        "id": {"channelId": "UC1"},
        "snippet": {"title": "Ben &amp; Jo&#39;s &quot;x&quot;", "description": "1 &lt; 2"},
    }
    found = answers.channel_hit(item)
    assert found is not None
    assert (found.title, found.description) == ('Ben & Jo\'s "x"', "1 < 2")
    assert answers.channel_hit({"id": {"videoId": "v1"}}) is None


def test_uploads_that_nobody_can_see_are_none() -> None:
    seen = {"contentDetails": {"videoId": "v1", "videoPublishedAt": "2024-05-01T10:00:00Z"}}
    assert answers.upload(seen) == ("v1", START)
    assert answers.upload({"contentDetails": {"videoId": "v1"}}) is None
    assert answers.upload({}) is None
