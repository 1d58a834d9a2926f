"""The real client library against the local server."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from http.client import IncompleteRead
from typing import Any

import httpx
import pytest
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from googleapiclient.http import build_http

from infra.youtube_local.accounts import PACIFIC
from tests.fix_youtube import YouTubeLocal

QUERY = "family gaming funny moments"


@pytest.fixture
def key(youtube_local: YouTubeLocal) -> str:
    return youtube_local.new_key()


Connect = Callable[..., Any]


@pytest.fixture
def connect(youtube_local: YouTubeLocal) -> Iterator[Connect]:
    opened: list[Any] = []

    def connect(key: str | None, timeout: float = 60.0) -> Any:
        http = build_http()
        http.timeout = timeout
        client = build(
            "youtube",
            "v3",
            http=http,
            developerKey=key,
            client_options={"api_endpoint": youtube_local.endpoint},
            static_discovery=True,
        )
        opened.append(client)
        return client

    yield connect
    for client in opened:
        client.close()


@pytest.fixture
def client(connect: Connect, key: str) -> Any:
    return connect(key)


def refusal(call: Any) -> tuple[int, str]:
    """Status and reason of a call that is refused, as the library reads them."""
    with pytest.raises(HttpError) as refused:
        call.execute()
    error = json.loads(refused.value.content)["error"]
    assert error["code"] == refused.value.resp.status
    assert error["message"] == refused.value.reason
    return error["code"], error["errors"][0]["reason"]


def some_channel(local: YouTubeLocal, least: int = 200) -> str:
    """A channel with a few pages of uploads, and new ones every week at least."""
    world, now = local.world, local.now()
    week = now - dt.timedelta(days=7)
    counts = [(world.count(at, week), world.count(at, now)) for at in range(500)]
    at = next(
        at for at, (before, count) in enumerate(counts) if least <= before < count < 2 * least
    )
    return world.channel_ids()[at]


def test_a_search_is_paged_to_its_end_and_back(client: Any) -> None:
    search = client.search()
    request = search.list(part="snippet", q=QUERY, type="channel", maxResults=50)
    pages = []
    while request is not None:
        pages.append(request.execute())
        request = search.list_next(request, pages[-1])

    ids = [item["id"]["channelId"] for page in pages for item in page["items"]]
    assert len(ids) == len(set(ids)) == pages[0]["pageInfo"]["totalResults"] > 100
    assert pages[0]["kind"] == "youtube#searchListResponse"
    assert "prevPageToken" not in pages[0]
    back = search.list(
        part="id", q=QUERY, type="channel", maxResults=50, pageToken=pages[2]["prevPageToken"]
    ).execute()
    assert [item["id"] for item in back["items"]] == [item["id"] for item in pages[1]["items"]]
    assert all("snippet" not in item for item in back["items"])


def test_a_search_shows_entities_and_little_else(client: Any, youtube_local: YouTubeLocal) -> None:
    found = client.search().list(part="snippet", q="kids play", type="channel").execute()["items"]

    assert len(found) == 5  # maxResults unless said
    assert all("&amp; Kids Play" in hit["snippet"]["title"] for hit in found)
    ids = ",".join(hit["id"]["channelId"] for hit in found)
    known = client.channels().list(part="snippet", id=ids).execute()["items"]
    assert all("& Kids Play" in one["snippet"]["title"] for one in known)
    assert set(known[0]) == {"kind", "etag", "id", "snippet"}


def test_videos_of_a_channel_in_a_time_by_date(client: Any, youtube_local: YouTubeLocal) -> None:
    channel, now = some_channel(youtube_local), youtube_local.now()
    after = now - dt.timedelta(days=60)

    found = client.search().list(
        part="snippet",
        channelId=channel,
        type="video",
        order="date",
        publishedAfter=after.isoformat(),
        maxResults=50,
    ).execute()["items"]  # fmt: skip

    times = [hit["snippet"]["publishedAt"] for hit in found]
    assert times == sorted(times, reverse=True)
    assert {hit["snippet"]["channelId"] for hit in found} == {channel}
    _, uploads = youtube_local.world.uploads(channel, now, 0, 400)
    wanted = {v.video_id for v in uploads if v.published_at >= after and v.status == "public"}
    assert wanted
    assert len(found) == min(50, len(wanted))
    assert {hit["id"]["videoId"] for hit in found} <= wanted


def test_uploads_are_paged_to_the_first(client: Any, youtube_local: YouTubeLocal) -> None:
    channel = some_channel(youtube_local)
    about = client.channels().list(part="contentDetails,statistics", id=channel).execute()
    playlist = about["items"][0]["contentDetails"]["relatedPlaylists"]["uploads"]
    items = client.playlistItems()
    request = items.list(part="snippet,contentDetails,status", playlistId=playlist, maxResults=50)
    found, pages = [], 0
    while request is not None:
        page = request.execute()
        found += page["items"]
        pages += 1
        request = items.list_next(request, page)

    assert pages == -(-len(found) // 50) > 3
    assert [item["snippet"]["position"] for item in found] == list(range(len(found)))
    public = [item for item in found if item["status"]["privacyStatus"] == "public"]
    assert str(len(public)) == about["items"][0]["statistics"]["videoCount"]
    times = [item["contentDetails"]["videoPublishedAt"] for item in public]
    assert times == sorted(times, reverse=True)


def test_private_and_deleted_videos_are_in_the_playlist_and_nowhere_else(
    client: Any, youtube_local: YouTubeLocal
) -> None:
    channel = some_channel(youtube_local, least=600)
    _, uploads = youtube_local.world.uploads(channel, youtube_local.now(), 0, 600)
    gone = {video.video_id: video.status for video in uploads if video.status != "public"}
    assert set(gone.values()) == {"private", "deleted"}

    answer = client.videos().list(part="id", id=",".join(list(gone)[:50])).execute()

    assert answer["items"] == []
    at = next(at for at, video in enumerate(uploads) if video.status == "private")
    page = client.playlistItems().list(part="snippet", playlistId="UU" + channel[2:], maxResults=50)
    for _ in range(at // 50):
        page = client.playlistItems().list_next(page, page.execute())
    snippet = page.execute()["items"][at % 50]["snippet"]
    assert snippet["title"] == "Private video"


def test_videos_have_texts_for_counts_and_iso_durations(
    client: Any, youtube_local: YouTubeLocal
) -> None:
    _, uploads = youtube_local.world.uploads(
        some_channel(youtube_local), youtube_local.now(), 0, 50
    )
    ids = [video.video_id for video in uploads if video.status == "public"]

    answer = client.videos().list(
        part="snippet,contentDetails,statistics,status,topicDetails", id=",".join(ids)
    ).execute()  # fmt: skip

    assert [item["id"] for item in answer["items"]] == ids  # all of them: no maxResults here
    for item in answer["items"]:
        assert item["statistics"]["viewCount"].isdigit()
        assert item["contentDetails"]["duration"].startswith("P")
        assert item["snippet"]["categoryId"].isdigit()
        assert item["snippet"]["liveBroadcastContent"] in ("none", "live", "upcoming")
    assert any("commentCount" in item["statistics"] for item in answer["items"])


def test_channels_by_id_and_by_handle(client: Any, youtube_local: YouTubeLocal) -> None:
    world = youtube_local.world
    ids = world.channel_ids()[:400]
    hidden = next(c.channel_id for c in world.channels(ids, youtube_local.now()) if c.hidden)
    open_one = next(c.channel_id for c in world.channels(ids, youtube_local.now()) if not c.hidden)

    answer = client.channels().list(
        part="statistics,snippet", id=f"{hidden},{open_one},{open_one},UC{'x' * 22}", maxResults=50
    ).execute()  # fmt: skip

    assert {item["id"] for item in answer["items"]} == {hidden, open_one}
    statistics = {item["id"]: item["statistics"] for item in answer["items"]}
    assert statistics[hidden]["hiddenSubscriberCount"] is True
    assert "subscriberCount" not in statistics[hidden]
    assert statistics[open_one]["subscriberCount"][3:].strip("0") == ""
    handle = answer["items"][0]["snippet"]["customUrl"]
    for text in (handle, handle[1:].upper()):
        one = client.channels().list(part="id", forHandle=text).execute()["items"]
        assert [item["id"] for item in one] == [answer["items"][0]["id"]]
    assert client.channels().list(part="id", forHandle="@nobody").execute()["items"] == []


def test_a_channel_without_videos_has_a_playlist_that_is_not_found(
    client: Any, youtube_local: YouTubeLocal
) -> None:
    world = youtube_local.world
    empty = world.channel_ids()[int(world.plan.empty.nonzero()[0][0])]

    statistics = client.channels().list(part="statistics", id=empty).execute()["items"][0]
    assert statistics["statistics"]["videoCount"] == "0"
    call = client.playlistItems().list(part="id", playlistId="UU" + empty[2:])
    assert refusal(call) == (404, "playlistNotFound")


def test_nothing_new_is_answered_with_304(key: str, youtube_local: YouTubeLocal) -> None:
    channel = some_channel(youtube_local)
    youtube_local.clock(key, at=youtube_local.now())
    url = f"{youtube_local.endpoint}/youtube/v3/channels"
    params = {"part": "statistics", "id": channel, "key": key}
    first = httpx.get(url, params=params)
    tag = {"If-None-Match": first.headers["etag"]}

    again = httpx.get(url, params=params, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["etag"] == f'"{first.json()["etag"]}"'
    assert youtube_local.spent(key) == 2  # it costs the same
    youtube_local.clock(key, at=youtube_local.now() + dt.timedelta(days=2))
    assert httpx.get(url, params=params, headers=tag).status_code == 200


def test_the_library_sees_a_304_as_an_error_that_can_be_told(
    connect: Connect, key: str, youtube_local: YouTubeLocal
) -> None:
    youtube_local.clock(key, at=youtube_local.now())
    client = connect(key)
    call = client.channels().list(part="snippet", id=some_channel(youtube_local))
    call.headers["If-None-Match"] = call.execute()["etag"]

    with pytest.raises(HttpError) as unchanged:
        call.execute()
    assert unchanged.value.resp.status == 304


def test_fields_make_an_answer_small(client: Any, youtube_local: YouTubeLocal) -> None:
    call = client.channels().list(
        part="snippet,statistics",
        id=some_channel(youtube_local),
        fields="items(id,statistics/viewCount)",
    )

    answer = call.execute()

    assert set(answer) == {"items"}
    assert set(answer["items"][0]) == {"id", "statistics"}
    assert set(answer["items"][0]["statistics"]) == {"viewCount"}


WRONG: dict[str, tuple[Callable[[Any], Any], int, str]] = {
    "page token": (
        lambda c: c.search().list(part="id", q="x", pageToken="CAUQAA"),
        400,
        "invalidPageToken",
    ),
    "another list's token": (
        lambda c: c.search().list(
            part="id",
            q="family",
            pageToken=c.search().list(part="id", q="gaming").execute()["nextPageToken"],
        ),
        400,
        "invalidPageToken",
    ),
    "part": (lambda c: c.videos().list(part="views", id="x"), 400, "unknownPart"),
    "no filter": (lambda c: c.channels().list(part="id"), 400, "missingRequiredParameter"),
    "two filters": (
        lambda c: c.channels().list(part="id", id="x", forHandle="@y"),
        400,
        "incompatibleParameters",
    ),
    "page size": (
        lambda c: c.search().list(part="id", maxResults=51),
        400,
        "invalidParameter",
    ),
    "51 ids": (
        lambda c: c.videos().list(part="id", id=",".join(f"{at:011d}" for at in range(51))),
        400,
        "invalidFilters",
    ),
    "time": (
        lambda c: c.search().list(part="id", publishedAfter="yesterday"),
        400,
        "invalidParameter",
    ),
    "type": (lambda c: c.search().list(part="id", type="show"), 400, "invalidParameter"),
    "playlist": (
        lambda c: c.playlistItems().list(part="id", playlistId="PLx"),
        404,
        "playlistNotFound",
    ),
    "not known here": (
        lambda c: c.videos().list(part="id", chart="mostPopular"),
        400,
        "notSupportedHere",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_requests_are_refused_as_the_platform_does(client: Any, name: str) -> None:
    make, status, reason = WRONG[name]
    assert refusal(make(client)) == (status, reason)


def test_keys(connect: Connect, youtube_local: YouTubeLocal) -> None:
    def call(key: str | None) -> Any:
        return connect(key).videos().list(part="id", id="x")

    assert refusal(call(None)) == (403, "forbidden")
    assert refusal(call("invalid")) == (400, "badRequest")
    assert refusal(call("invalid-as-before")) == (400, "keyInvalid")
    answer = httpx.get(f"{youtube_local.endpoint}/youtube/v3/videos?part=id&id=x&key=invalid")
    assert answer.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_each_call_costs_what_the_platform_asks(
    client: Any, key: str, youtube_local: YouTubeLocal
) -> None:
    channel = some_channel(youtube_local)
    client.search().list(part="id", q=QUERY, type="channel").execute()
    client.channels().list(part="id", id=channel).execute()
    client.playlistItems().list(part="id", playlistId="UU" + channel[2:]).execute()
    client.videos().list(part="id", id="x").execute()
    refusal(client.search().list(part="id", maxResults=99))  # a failure costs one

    assert youtube_local.spent(key) == 104
    calls = {"search": 2, "channels": 1, "playlistItems": 1, "videos": 1}
    assert youtube_local.account(key)["calls"] == calls


def test_the_day_s_units_end_and_come_back_at_midnight_in_california(
    client: Any, key: str, youtube_local: YouTubeLocal
) -> None:
    # The day on which summer time ends there has 25 hours.
    late = dt.datetime(2026, 11, 1, 23, 59, tzinfo=PACIFIC)
    youtube_local.clock(key, at=late - dt.timedelta(hours=20))
    youtube_local.quota(key, limit=150)
    search = client.search().list(part="id", q=QUERY)
    search.execute()
    for at in (late - dt.timedelta(hours=1), late):
        youtube_local.clock(key, at=at)
        assert refusal(search) == (403, "quotaExceeded")
    assert youtube_local.spent(key) == 100  # refused ones cost nothing

    youtube_local.clock(key, at=late.astimezone(dt.UTC) + dt.timedelta(minutes=1))
    assert youtube_local.spent(key) == 0
    search.execute()


def test_faults_come_as_often_as_asked_and_to_that_key_only(
    connect: Connect, youtube_local: YouTubeLocal
) -> None:
    one, other = youtube_local.new_key(), youtube_local.new_key()
    call = connect(one).videos().list(part="id", id="x")
    youtube_local.faults("server_error", 2, key=one, status=503)
    youtube_local.faults("rate_limit", key=one)
    youtube_local.faults("quota", key=one)
    youtube_local.faults("server_error", key=one, path="search")

    assert refusal(call) == (503, "backendError")
    assert refusal(call) == (503, "backendError")
    assert refusal(call) == (403, "rateLimitExceeded")
    assert refusal(call) == (403, "quotaExceeded")
    assert call.execute()["items"] == []
    connect(other).search().list(part="id", q="x").execute()
    youtube_local.calm(one)
    connect(one).search().list(part="id", q="x").execute()


def test_an_answer_is_cut_garbled_or_never_comes(
    connect: Connect, key: str, youtube_local: YouTubeLocal
) -> None:
    call = connect(key, timeout=0.3).channels().list(part="snippet", id=some_channel(youtube_local))
    youtube_local.faults("cut", key=key)
    with pytest.raises(IncompleteRead):
        call.execute()
    youtube_local.faults("garbled", key=key)
    assert isinstance(call.execute(), str)  # the library hands on what is no JSON as it came
    youtube_local.faults("hang", key=key, seconds=2)
    with pytest.raises(TimeoutError):
        call.execute()
    assert len(connect(key).channels().list(part="id", id="x").execute()["items"]) == 0


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("faults", {"kind": "sneeze"}, "kind"),
        ("faults", {"kind": "cut", "calls": 0}, "calls"),
        ("quota", {"limit": 5}, "key"),
        ("clock", {"key": "k", "at": "noon"}, "at"),
        ("clock", {"key": "k", "at": "2999-01-01T00:00:00Z"}, "at"),
        ("clock", {"key": "k", "ahead_seconds": 1e300}, "ahead_seconds"),
        ("clock", {"key": "k", "more": 1}, "more"),
    ],
)
def test_the_back_door_says_what_is_wrong(
    youtube_local: YouTubeLocal, path: str, body: dict[str, Any], where: str
) -> None:
    answer = httpx.post(f"{youtube_local.endpoint}/_local/{path}", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(where)


def test_other_paths_are_not_found(youtube_local: YouTubeLocal) -> None:
    answer = httpx.get(f"{youtube_local.endpoint}/youtube/v3/captions?key=k")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == 404


@pytest.mark.parametrize("at", ["2005-01-02T00:00:00Z", "2039-12-31T00:00:00Z"])
def test_it_answers_at_any_time_that_can_be_set(
    client: Any, key: str, youtube_local: YouTubeLocal, at: str
) -> None:
    youtube_local.clock(key, at=dt.datetime.fromisoformat(at))
    ids = ",".join(youtube_local.world.channel_ids()[:50])

    answer = client.channels().list(part="snippet,statistics", id=ids, maxResults=50).execute()

    assert len(answer["items"]) == 50


def test_a_search_in_a_channel_is_for_its_own_words(
    client: Any, youtube_local: YouTubeLocal
) -> None:
    music = client.search().list(part="id", q="official music", type="channel").execute()
    channel = music["items"][0]["id"]["channelId"]

    def found(q: str) -> list[Any]:
        search = client.search().list(part="id", q=q, type="channel", channelId=channel)
        items: list[Any] = search.execute()["items"]
        return items

    assert [hit["id"]["channelId"] for hit in found("music")] == [channel]
    assert found("horror") == []
