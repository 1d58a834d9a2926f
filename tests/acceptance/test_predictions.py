"""Predictions through the whole platform: asked with curl, kept, judged by what became of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.conftest import Platform

DOCUMENTED = {"title": "Test Video", "duration": 300, "upload_date": "2024-01-15"}


def mine(platform: Platform, path: str, user: str, **parameters: Any) -> Any:
    answer = platform.api.get(f"/api/v1{path}", params=parameters, headers={"X-User-ID": user})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_a_prediction_is_asked_for_with_curl(platform: Platform) -> None:
    status = platform.facts()
    done = subprocess.run(
        [
            "curl", "-sS", "-f", "-X", "POST", f"{status['api']}/api/v1/predict",
            "-H", f"Authorization: Bearer {status['admin_key']}",
            "-H", "Content-Type: application/json",
            "-d", json.dumps(DOCUMENTED),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert body["predicted_views"] > 0
    assert " - " in body["confidence_range"]
    health = subprocess.run(
        ["curl", "-sS", "-f", f"{status['api']}/api/v1/health"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert json.loads(health.stdout)["status"] == "healthy"


def test_what_became_of_a_prediction_moves_the_figures(
    platform: Platform, until: Callable[..., Any]
) -> None:
    user = f"user-{uuid.uuid4().hex[:8]}"
    headers = {"X-User-ID": user}
    answer = platform.api.post(
        "/api/v1/predict", json={**DOCUMENTED, "category": "Music"}, headers=headers
    )
    made = answer.json()
    saved = platform.api.post(
        "/api/v1/analytics/save",
        json={
            "prediction_id": made["prediction_id"],
            "actual_views": made["predicted_views"] * 2,
            "feedback": "twice as many",
        },
        headers=headers,
    )
    assert saved.status_code == 200, saved.text
    assert saved.json()["accuracy"] == pytest.approx(0.5)
    position = saved.headers["X-Event-Position"]
    board = mine(platform, "/analytics/dashboard", user, min_position=position, wait_ms=20_000)
    assert (board["predictions"], board["with_actuals"]) == (1, 1)
    assert board["accuracy"] == pytest.approx(0.5)
    assert board["models"][0]["name"] == made["model_version"]
    assert mine(platform, "/analytics/categories", user)["items"][0]["name"] == "Music"
    assert mine(platform, "/analytics/trends", user)["items"][-1]["with_actuals"] == 1
    again = {"prediction_id": made["prediction_id"], "actual_views": made["predicted_views"]}
    platform.api.post("/api/v1/analytics/save", json=again, headers=headers)
    assert until(lambda: mine(platform, "/analytics/dashboard", user)["accuracy"] == 1.0)
    listed = mine(platform, "/predictions", user)
    assert (listed["total"], listed["items"][0]["prediction_id"]) == (1, made["prediction_id"])


def test_a_thousand_predictions_at_once_are_kept(
    platform: Platform, until: Callable[..., Any]
) -> None:
    user = f"user-{uuid.uuid4().hex[:8]}"
    items: list[Any] = [{**DOCUMENTED, "duration": 1 + n} for n in range(1000)]
    items[500] = {**DOCUMENTED, "duration": 0}
    answer = platform.api.post("/api/v1/predict/batch", json=items, headers={"X-User-ID": user})
    body = answer.json()
    assert (body["succeeded"], body["failed"]) == (999, 1)
    assert body["results"][500]["error"]["error_code"] == "VALIDATION_ERROR"
    assert until(lambda: mine(platform, "/predictions", user)["total"] == 999)
