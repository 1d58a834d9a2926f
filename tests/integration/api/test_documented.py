"""The documented tests of predictions as they are written, with the model that ships."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.integration.api.conftest import Api, serving

TOKEN = "test-token"  # as in the documented tests
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def test_client(api: Api) -> Iterator[httpx.Client]:
    settings = api.settings.model_copy(update={"api_key": SecretStr(TOKEN)})
    with serving(settings, None) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def test_predict_video_success(test_client: httpx.Client) -> None:
    response = test_client.post(
        "/api/v1/predict",
        json={"title": "Test Video", "duration": 300, "upload_date": "2024-01-15"},
        headers={"Authorization": "Bearer test-token"},
    )

    assert response.status_code == 200
    data = response.json()
    assert "predicted_views" in data
    assert "confidence_range" in data
    assert "prediction_quality" in data


def test_predict_video_validation_error(test_client: httpx.Client) -> None:
    response = test_client.post(
        "/api/v1/predict",
        json={
            "title": "",  # Invalid: empty title
            "duration": 300,
            "upload_date": "2024-01-15",
        },
        headers={"Authorization": "Bearer test-token"},
    )

    assert response.status_code == 400
    assert "validation error" in response.json()["detail"].lower()


def ask(client: httpx.Client, **facts: Any) -> dict[str, Any]:
    request = {
        "title": "Our longest match yet | Highlights",
        "duration": 605,
        "upload_date": "2026-05-04",
        "upload_time": "17:00",
        "category": "Sports",
        "tags": "football, highlights",
        "description": "All goals. https://example.com",
        **facts,
    }
    response = client.post("/api/v1/predict", json=request, headers=WITH_TOKEN)
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()
    for name in ("prediction_id", "timestamp", "processing_time"):
        del data[name]
    return data


def test_the_same_request_has_the_same_answer_alone_and_among_others(
    test_client: httpx.Client,
) -> None:
    alone = ask(test_client)
    assert ask(test_client) == alone
    titles = [f"Number {n}" for n in range(40)]
    batch = [{"title": t, "duration": 60, "upload_date": "2026-05-04"} for t in titles]
    own = {
        "title": "Our longest match yet | Highlights",
        "duration": 605,
        "upload_date": "2026-05-04",
        "upload_time": "17:00",
        "category": "Sports",
        "tags": ["football", "highlights"],
        "description": "All goals. https://example.com",
    }
    response = test_client.post(
        "/api/v1/predict/batch", json=[*batch, own, *batch], headers=WITH_TOKEN
    )
    found = response.json()["results"][40]["prediction"]
    assert {name: found[name] for name in alone} == alone


def test_likes_before_publication_change_nothing_in_the_real_answer(
    test_client: httpx.Client,
) -> None:
    plain = ask(test_client)
    liked = ask(test_client, like_count=250_000, comment_count=9_000)
    assert liked["ignored"] == ["like_count", "comment_count"]
    said = {"ignored", "notes"}
    assert {k: v for k, v in liked.items() if k not in said} == {
        k: v for k, v in plain.items() if k not in said
    }


def test_a_real_answer_is_in_order(test_client: httpx.Client) -> None:
    data = ask(test_client)
    bands = [data["horizons"][name] for name in ("24h", "7d", "30d")]
    for band in bands:
        assert band["confidence_lower"] <= band["predicted_views"] <= band["confidence_upper"]
    views = [band["predicted_views"] for band in bands]
    assert views == sorted(views)
    assert 0 <= data["score"] <= 100
    assert data["key_factors"]
    low, high = data["confidence_range"].split(" - ")
    assert int(low.replace(",", "")) == data["confidence_lower"]
    assert int(high.replace(",", "")) == data["confidence_upper"]


def test_views_observed_after_publication_move_the_answer(test_client: httpx.Client) -> None:
    seen = {"observed_at": "2026-05-05T17:00:00Z"}
    few = ask(test_client, **seen, view_count=1_000, like_count=40)
    many = ask(test_client, **seen, view_count=1_000_000, like_count=40_000)
    assert (few["stage"], few["ignored"]) == ("after", [])
    assert 1_000 <= few["predicted_views"] < 1_000_000 <= many["predicted_views"]
    assert "24h" not in few["horizons"]


def test_the_model_that_ships_says_where_it_comes_from(test_client: httpx.Client) -> None:
    info = test_client.get("/api/v1/models/info", headers=WITH_TOKEN).json()
    assert info["source"] == "default"
    assert info["model_version"] == ask(test_client)["model_version"]
    assert info["trained_until"]
    health = test_client.get("/api/v1/models/health", headers=WITH_TOKEN).json()
    assert (health["status"], health["refused"]) == ("healthy", {})
    assert test_client.get("/api/v1/health").json()["components"]["models"] == "healthy"
