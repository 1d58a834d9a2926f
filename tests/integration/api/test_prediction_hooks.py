"""Predictions told to a webhook, beside their answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas.publisher import Position
from streams.generation.work.webhook_worker import run
from tests.integration.api.conftest import Api, stored_events
from tests.integration.api.test_predictions import DOCUMENTED
from tests.integration.generation.a_webhook_worker import KEY
from tests.integration.generation.test_dispatch import Outbox
from tests.unit.webhooks.receiver import Receiver, receiving


@pytest.fixture
def delivered(api: Api) -> Callable[[Receiver], list[dict[str, Any]]]:
    def deliver(receiver: Receiver) -> list[dict[str, Any]]:
        """What has come to it, once every delivery that waits was made."""
        dsn = api.settings.dsn
        asyncio.run(run(dsn, (KEY,), Outbox(), private=True, until_idle=True))
        return [json.loads(got.body) for got in receiver.got]

    return deliver


def test_a_prediction_is_told_as_it_was_answered(
    api: Api, delivered: Callable[[Receiver], list[dict[str, Any]]]
) -> None:
    with receiving() as receiver:
        facts = {**DOCUMENTED, "webhook_url": receiver.url, "video_id": "v-hook"}
        headers = {"Idempotency-Key": "hook-1"}
        answers = [
            api.client.post("/api/v1/predict", json=facts, headers=headers) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [200, 200]
        said = delivered(receiver)
    assert {one["type"] for one in said} == {"prediction.completed"}
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert said[0]["data"] == {
        "video_id": "v-hook",
        "title": DOCUMENTED["title"],
        **answers[0].json(),
    }
    [event] = stored_events(api, str(Position.parse(answers[0].headers["X-Event-Position"])))
    assert "webhook_url" not in json.loads(event["request"])


def test_a_batch_is_told_once_and_its_items_where_they_ask_for_it(
    api: Api, delivered: Callable[[Receiver], list[dict[str, Any]]]
) -> None:
    with receiving() as receiver, receiving() as of_items:
        videos = [
            {**DOCUMENTED, "webhook_url": of_items.url},
            {**DOCUMENTED, "duration": 0, "webhook_url": of_items.url},
            DOCUMENTED,
        ]
        body = {"videos": videos, "webhook_url": receiver.url}
        answer = api.client.post("/api/v1/predict/batch", json=body)
        assert answer.status_code == 200, answer.text
        ids = [(item["prediction"] or {}).get("prediction_id") for item in answer.json()["results"]]
        [told] = delivered(receiver)
    assert told["type"] == "batch.completed"
    assert (told["data"]["total"], told["data"]["failed"]) == (3, 1)
    assert [one["prediction_id"] for one in told["data"]["results"]] == ids
    assert [one["error"] is None for one in told["data"]["results"]] == [True, False, True]
    [item] = [json.loads(got.body) for got in of_items.got]
    assert item["data"]["prediction_id"] == ids[0]


@pytest.mark.parametrize("url", ["ftp://example.com", "http://u:p@example.com/", "x", 5])
def test_an_address_that_is_none_is_refused(api: Api, url: Any) -> None:
    one = api.client.post("/api/v1/predict", json={**DOCUMENTED, "webhook_url": url})
    assert one.status_code == 400
    assert one.json()["details"]["errors"][0]["path"] == "body.webhook_url"
    many = api.client.post(
        "/api/v1/predict/batch", json={"videos": [DOCUMENTED], "webhook_url": url}
    )
    assert many.status_code == 400
    assert many.json()["details"]["errors"][0]["path"] == "body.webhook_url"
