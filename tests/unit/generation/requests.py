"""Generation requests for tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

from streams.generation.jobs.events import JobQueued

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def a_request(**changes: Any) -> dict[str, Any]:
    """The fields of a valid GenerationRequested without its envelope."""
    facts = {
        "user_id": "ada",
        "prompt": "a quiet sea",
        "width": 256,
        "height": 256,
        "num_steps": 5,
        "quality": "low",
        "seed": 7,
        "duration_s": 0.5,
        "priority": "default",
        "max_retries": 3,
        "provider": None,
        "source_video_id": None,
        "requested_by": "api",
        "metadata": None,
    }
    return facts | changes


def queued(**changes: Any) -> JobQueued:
    return JobQueued(**a_request(**changes))
