"""The analysis in docs/replay.md runs as it stands there, and its figures are right."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from infra.settings import ADDRESSES, Settings
from schemas.catalogue import ENGAGEMENT, TOPICS, VIDEO_UPLOADS
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.topic import Topic
from tests.integration.columnar.topics import create

PAGE = Path(__file__).parents[3] / "docs" / "replay.md"
TODAY = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START = TODAY - dt.timedelta(days=3)


def events() -> list[dict[str, Any]]:
    """Every third event is no view; every viewer comes once on some days; one event is repeated."""
    found = [
        {
            "event_id": f"e{number}",
            "occurred_at": START + dt.timedelta(hours=number % 60),
            "video_id": f"v{number % 5}",
            "channel_id": "c",
            "viewer_id": f"u{number % 7}",
            "kind": "like" if number % 3 == 0 else "view",
        }
        for number in range(300)
    ]
    return [*found, found[1]]


def uploads() -> list[dict[str, Any]]:
    """Each video twice: the later word on its category counts."""
    return [
        {
            "event_id": f"upload {number} {again}",
            "occurred_at": START + dt.timedelta(hours=again),
            "video_id": f"v{number}",
            "channel_id": "c",
            "title": f"Video {number}",
            "category": ["music", "games"][number % 2] if again else "unknown",
            "tags": [],
            "published_at": START + dt.timedelta(hours=6 * number),
        }
        for number in range(5)
        for again in (0, 1)
    ]


@pytest.fixture
def published(
    stack_settings: Settings, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's topics hold these events alone, and the environment says where they are."""
    for name in ADDRESSES:
        monkeypatch.setenv(name.upper(), str(getattr(stack_settings, name)))
    with Registry(stack_settings.registry_config()) as registry:
        publisher = Publisher(stack_settings.kafka_config(), Codec(registry), source="tests")
        for original, records in ((ENGAGEMENT, events()), (VIDEO_UPLOADS, uploads())):
            topic: Topic = replace(original, name=unique(original.name))
            create(stack_settings, topic)
            monkeypatch.setitem(TOPICS, original.name, topic)
            fields = [field["name"] for field in topic.schema["fields"]]
            for record in records:
                publisher.publish(topic, {**dict.fromkeys(fields), **record})
        publisher.flush()


@pytest.mark.usefixtures("published")
def test_the_analysis_runs_and_its_figures_are_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, Any] = {"video_id": "v2", "directory": tmp_path}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)

    views = [event for event in events()[:-1] if event["kind"] == "view"]
    hours = Counter(event["occurred_at"].hour for event in views)
    assert dict(names["by_hour"].select("hour", "views").rows()) == hours

    assert names["retention"].rows() == retention(views)

    categories: Counter[str] = Counter()
    early: Counter[str] = Counter()
    released = {one["video_id"]: one for one in uploads()}
    for event in views:
        upload = released[event["video_id"]]
        categories[upload["category"]] += 1
        age = event["occurred_at"] - upload["published_at"]
        early[upload["category"]] += age < dt.timedelta(days=1)
    assert set(names["by_category"].rows()) == {
        (category, count, early[category]) for category, count in categories.items()
    }

    one = pl.read_parquet(tmp_path / "one.parquet")
    assert one.height == sum(event["video_id"] == "v2" for event in events())
    assert one.columns == ["occurred_at", "kind", "watch_ms"]


def retention(views: list[dict[str, Any]]) -> list[tuple[dt.datetime, int, int]]:
    """First day, days later, viewers."""
    seen: dict[str, set[dt.datetime]] = {}
    for event in views:
        seen.setdefault(event["viewer_id"], set()).add(event["occurred_at"].replace(hour=0))
    counted = Counter((min(days), (day - min(days)).days) for days in seen.values() for day in days)
    return sorted((day, later, viewers) for (day, later), viewers in counted.items())
