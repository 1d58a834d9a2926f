"""What YouTube says, through the API: the documented tool's channels, and the day's units."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from infra.settings import Settings
from tests.fix_youtube import YouTubeLocal
from tests.integration.api.conftest import KEY, serving
from tests.integration.api.stand_in import StandInModels

QUERY = {"q": "family gaming funny moments", "limit": 5}

Serve = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def settings(
    provisioned: Settings, api_database: str, artifacts_url: str, youtube_local: YouTubeLocal
) -> Settings:
    return provisioned.model_copy(
        update={
            "database_url": api_database,
            "artifacts_url": artifacts_url,
            "api_key": SecretStr(KEY),
            "personal_data_secret": SecretStr(provisioned.personal_data_secrets[0]),
            "youtube_api_endpoint": youtube_local.endpoint,
            "youtube_api_key": SecretStr(youtube_local.new_key()),
        }
    )


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    with (
        serving(settings, StandInModels()) as url,
        httpx.Client(base_url=f"{url}/api/v1", headers={"X-API-Key": KEY}, timeout=120) as client,
    ):
        yield client


def spent_by(settings: Settings, youtube_local: YouTubeLocal) -> int:
    assert settings.youtube_api_key is not None
    return youtube_local.spent(settings.youtube_api_key.get_secret_value())


def test_a_search_leads_to_a_channel_and_its_videos(client: httpx.Client) -> None:
    found = client.get("/channels/search", params=QUERY).raise_for_status().json()
    assert found["total"] == len(found["items"]) == 5
    channel_id = found["items"][0]["channel_id"]
    info = client.get(f"/channels/{channel_id}/info").raise_for_status().json()
    assert info["channel_id"] == channel_id
    assert info["title"] == found["items"][0]["title"]
    assert info["url"].endswith(channel_id)
    handle = info["handle"]
    by_handle = client.get(f"/channels/{handle}/info").json()
    by_url = client.get("/youtube/channels", params={"name": info["url"]}).json()
    for found in (by_handle, by_url):  # its counts grow meanwhile
        assert {**found, "views": 0, "subscribers": 0} == {**info, "views": 0, "subscribers": 0}
    videos = client.get(f"/youtube/channels/{handle}/videos", params={"limit": 3})
    items = videos.raise_for_status().json()["items"]
    assert len(items) == min(3, info["videos"])
    assert [one["published_at"] for one in items] == sorted(
        (one["published_at"] for one in items), reverse=True
    )
    since = {"limit": 3, "since": items[0]["published_at"].removesuffix("Z")}
    newest = client.get(f"/youtube/channels/{channel_id}/videos", params=since).json()
    # Its views grow meanwhile.
    assert [one["video_id"] for one in newest["items"]] == [items[0]["video_id"]]


def test_the_quota_tells_what_was_spent_and_saved(
    client: httpx.Client, settings: Settings, youtube_local: YouTubeLocal
) -> None:
    for _ in range(2):
        client.get("/channels/search", params={"q": "quota", "limit": 1}).raise_for_status()
    quota = client.get("/youtube/quota").raise_for_status().json()
    spent = spent_by(settings, youtube_local)
    assert spent >= 100
    assert quota["spent"] == quota["purposes"]["api"]["spent"] == spent
    assert quota["left"] == quota["per_day"] - spent
    assert quota["purposes"]["poller"] == {"spent": 0, "left": 6000}
    assert quota["exhausted"] is False
    assert quota["cache"]["hits"] >= 1
    assert 0 < quota["cache"]["hit_ratio"] < 1
    text = client.get(str(client.base_url).replace("/api/v1/", "/metrics")).text
    metrics = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("youtube_")
    }
    assert metrics["youtube_quota_spent_units", "api"] == spent
    assert metrics["youtube_quota_left_units", "poller"] == 6000
    assert metrics["youtube_cache_requests_total", "search", "hit"] >= 1
    assert metrics["youtube_cache_hit_ratio",] == pytest.approx(quota["cache"]["hit_ratio"])


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/channels/UC0000000000000000000000/info", 404, "NOT_FOUND"),
        ("/channels/@nobody-is-called-so/info", 404, "NOT_FOUND"),
        ("/channels/two%20words/info", 400, "VALIDATION_ERROR"),
        ("/channels/search", 422, "VALIDATION_ERROR"),
        ("/channels/search?q=%20", 400, "VALIDATION_ERROR"),
        ("/channels/search?q=x&limit=51", 422, "VALIDATION_ERROR"),
        ("/youtube/channels?name=https://youtu.be/x", 400, "VALIDATION_ERROR"),
        ("/youtube/channels/@x/videos?limit=0", 422, "VALIDATION_ERROR"),
    ],
)
def test_what_is_not_there_or_does_not_fit(
    client: httpx.Client, path: str, status: int, code: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


NOBODY = "http://127.0.0.1:9"
NO_KEY = {"youtube_api_key": None, "youtube_api_endpoint": None}
WRONG_KEY = {"youtube_api_key": SecretStr("invalid-key")}


@pytest.mark.parametrize(
    ("changes", "status", "code", "says"),
    [
        ({"youtube_quota_per_day": 99}, 429, "YOUTUBE_QUOTA_EXHAUSTED", "99 are left"),
        (NO_KEY, 502, "YOUTUBE_REFUSED", "no key of YouTube's Data API is set"),
        (WRONG_KEY, 502, "YOUTUBE_REFUSED", "set YOUTUBE_API_KEY"),
        ({"youtube_api_endpoint": NOBODY}, 503, "YOUTUBE_UNAVAILABLE", "no connection"),
    ],
    ids=["no units", "no key", "a wrong key", "nobody there"],
)
def test_what_is_wrong_with_youtube_is_said(
    settings: Settings,
    youtube_local: YouTubeLocal,
    changes: dict[str, object],
    status: int,
    code: str,
    says: str,
) -> None:
    alone = {"youtube_api_key": SecretStr(youtube_local.new_key())}
    with (
        serving(settings.model_copy(update={**alone, **changes}), StandInModels()) as url,
        httpx.Client(base_url=f"{url}/api/v1", headers={"X-API-Key": KEY}, timeout=120) as client,
    ):
        answer = client.get("/channels/search", params={"q": f"for {says}"})
        body = answer.json()
        assert (answer.status_code, body["error_code"]) == (status, code)
        assert says in body["error"]
        assert "invalid-key" not in answer.text
        if status == 429:
            assert int(answer.headers["Retry-After"]) <= 25 * 3600
            assert set(body["details"]) == {"needed", "left", "resets_at"}
