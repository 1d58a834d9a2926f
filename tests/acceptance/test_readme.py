"""What README.md tells a producer to do works as it stands there."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import Platform

ROOT = Path(__file__).parents[2]


def test_the_producer_of_the_readme_publishes(
    platform: Platform, until: Callable[..., Any], monkeypatch: Any
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    status = platform.facts()
    video = f"readme-{uuid.uuid4().hex[:8]}"
    event = {
        "event_id": str(uuid.uuid4()),
        "occurred_at": dt.datetime.now(dt.UTC),
        "video_id": video,
        "channel_id": "c1",
        "viewer_id": "u1",
        "session_id": None,
        "kind": "view",
        "watch_ms": 31_000,
        "country": None,
        "device": None,
        "source": None,
    }
    monkeypatch.chdir(ROOT)
    names = {"REGISTRY_URL": status["registry"], "KAFKA": status["kafka"], "event": event}
    exec(compile(blocks[0], "README.md", "exec"), names)
    names["registry"].__exit__()  # type: ignore[attr-defined]
    found = until(
        lambda: (
            (answer := platform.api.get(f"/api/v1/virality/{video}")).status_code == 200
            and answer.json()
        )
    )
    assert found["views"] == 1


def test_the_curl_of_the_readme_publishes(platform: Platform) -> None:
    text = (ROOT / "README.md").read_text()
    found = re.search(r"-d '(\{.*?\})'", text)
    assert found is not None
    answer = platform.api.post(
        "/api/v1/events/engagement.events.v1",
        content=found.group(1),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 202, answer.text
    assert re.fullmatch(r"engagement\.events\.v1/\d/\d+", answer.headers["X-Event-Position"])
