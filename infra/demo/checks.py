"""Looks at what a user of the API would look at; each check is true or false."""

from __future__ import annotations

import json
from typing import Any

from infra.demo.client import Api

OK = 200


def checks(api: Api, planted: list[dict[str, Any]], jobs: dict[str, str | None]) -> dict[str, bool]:
    """Whether the API serves what the demonstration put in.

    Args:
        planted: outliers of the simulation, with video_id and channel_id.
        jobs: generation jobs by what they are; None where one was expected and never came.
    """
    top = api.get("/api/v1/virality/top?window=24h")
    page = api.get("/", accept="text/html")
    metrics = api.get("/metrics")
    return {
        "health": _answers(api, "/health"),
        "ready": _answers(api, "/health/ready"),
        "top": top.status_code == OK and bool(top.json()["items"]),
        "outliers": all(_found(api, video) for video in planted),
        "video": all(_answers(api, f"/api/v1/videos/{v['video_id']}") for v in planted),
        "channel": all(_answers(api, f"/api/v1/channels/{v['channel_id']}") for v in planted),
        **{f"{what}_video": _plays(api, job) for what, job in jobs.items()},
        "dashboard": page.status_code == OK and "<html" in page.text.lower(),
        "metrics": metrics.status_code == OK and "# TYPE" in metrics.text,
        "openapi": _describes(api),
    }


def _answers(api: Api, path: str) -> bool:
    return api.get(path).status_code == OK


def _found(api: Api, video: dict[str, Any]) -> bool:
    answer = api.get(f"/api/v1/outliers?channel_id={video['channel_id']}&limit=500")
    if answer.status_code != OK:
        return False
    return any(item["video_id"] == video["video_id"] for item in answer.json()["items"])


def _plays(api: Api, job: str | None) -> bool:
    """Whether the job's video is there and is an MP4."""
    if job is None:
        return False
    video = api.get(f"/api/v1/videos/{job}/download")
    return video.status_code == OK and video.content[4:8] == b"ftyp"


def _describes(api: Api) -> bool:
    answer = api.get("/openapi.json")
    try:
        return answer.status_code == OK and bool(answer.json()["paths"])
    except (json.JSONDecodeError, KeyError):
        return False
