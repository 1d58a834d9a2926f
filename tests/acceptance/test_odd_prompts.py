"""Odd prompts go through the whole pipeline, and come out as they went in."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from tests.acceptance.conftest import Platform
from tests.integration.api.test_rules_of_requests import ODD_PROMPTS


def test_a_prompt_is_the_same_in_the_log_and_in_the_tables(
    platform: Platform, until: Callable[..., Any]
) -> None:
    user = f"user-{uuid.uuid4().hex[:8]}"
    huge = platform.api.post("/api/v1/jobs", json={"userId": user, "prompt": "x" * 2**20})
    assert huge.status_code == 422
    made: dict[str, str] = {}
    for prompt in ODD_PROMPTS:
        answer = platform.api.post(
            "/api/v1/jobs",
            json={"userId": user, "prompt": prompt, "metadata": {"priority": "low"}},
        )
        assert answer.status_code == 201, answer.text
        made[answer.json()["id"]] = prompt
    found = until(
        lambda: (
            (page := platform.get("/jobs", userId=user, take=100))["total"] >= len(made) and page
        )
    )
    assert {job["id"]: job["prompt"] for job in found["jobs"]} == made
    for job, prompt in made.items():
        story = until(lambda job=job: platform.get(f"/jobs/{job}/history")["events"])
        assert (story[0]["type"], story[0]["body"]["prompt"]) == ("JobQueued", prompt)
        platform.api.post(f"/api/v1/jobs/{job}/cancel")  # nobody looks at them
