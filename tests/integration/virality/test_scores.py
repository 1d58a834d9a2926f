"""Scores of viewers' own events with a model on them: in a real agent, and while models change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.catalogue import (
    ENGAGEMENT,
    VIDEO_UPLOADS,
    VIRALITY_MODELS,
    VIRALITY_SCORES,
)
from schemas.personal.sealer import Sealer
from schemas.publisher import Publisher
from schemas.topic import Topic
from streams.virality.engaged import EngagedForecasts
from streams.virality.models.forecaster import Forecaster
from streams.virality.reference.channels import Channels
from streams.virality.registry.desk import RegistryDesk
from streams.virality.registry.watcher import ModelWatcher
from streams.virality.score import MODEL_VERSION
from tests.integration.columnar.topics import create
from tests.integration.infra.waiting import until
from tests.integration.virality.conftest import Agents
from tests.unit.schemas.person_keys import MemoryKeys
from tests.unit.virality.bundles import saved
from tests.unit.virality.test_engaged import rendered, state, told, upload

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


def test_known_videos_are_scored_by_the_model_and_a_promotion_needs_no_restart(
    agents: Agents, unique: Callable[[str], str], tmp_path: Path
) -> None:
    topic = replace(VIRALITY_MODELS, name=unique("models"), events=VIRALITY_MODELS.name)
    create(agents.settings, topic)
    with (
        ModelWatcher(agents.settings, topic) as models,
        RegistryDesk(agents.settings, topic) as desk,
    ):
        forecasts = EngagedForecasts(models, told(upload("a")), Channels())
        rows = state({"a": 10, "b": 10})

        def versions() -> dict[str, str]:
            return {video: row["model_version"] for video, row in rendered(forecasts, rows).items()}

        assert versions() == {"a": Forecaster.default().version, "b": MODEL_VERSION}
        saved(tmp_path / "one", before=3.0)
        one = desk.register(tmp_path / "one", {"metrics": {}}, shadow=False, force=True).version
        desk.promote(one, None, force=True, reason="a test")
        assert models.await_serving(one, 30)
        assert versions() == {"a": one, "b": MODEL_VERSION}


@pytest.mark.timeout(200)
def test_an_agent_lays_forecasts_over_the_scores_of_videos_whose_upload_came(
    agents: Agents,
    publisher: Publisher,
    log_of: Callable[[Topic], list[dict[str, Any]]],
    unique: Callable[[str], str],
) -> None:
    name = unique("s")
    out = NOW - dt.timedelta(hours=5)

    def views(count: int, first: int) -> None:
        for number in range(first, first + count):
            for video in ("known", "unknown"):
                sealed.publish(
                    ENGAGEMENT,
                    {
                        "event_id": f"{name}-{video}-{number}",
                        "occurred_at": out + dt.timedelta(hours=4, seconds=number),
                        "video_id": f"{name}-{video}",
                        "channel_id": "c",
                        "viewer_id": f"u{number}",
                        "kind": "view",
                    },
                )
        sealed.flush()

    def rows() -> dict[str, dict[str, Any]]:
        own = [row for row in log_of(VIRALITY_SCORES) if row["video_id"].startswith(name)]
        return {row["video_id"].removeprefix(f"{name}-"): row for row in own}

    sealed = Publisher(
        agents.settings.kafka_config(), publisher.codec, source="tests", sealer=Sealer(MemoryKeys())
    )
    publisher.publish(
        VIDEO_UPLOADS,
        {
            "event_id": unique("u"),
            "occurred_at": out,
            "video_id": f"{name}-known",
            "channel_id": "c",
            "title": "A title",
            "published_at": out,
        },
    )
    publisher.flush()
    agents.start("virality-agent")
    views(40, 0)
    until(lambda: len(rows()) == 2, "scores")
    views(40, 40)
    until(lambda: rows()["known"]["predicted_views_7d"] is not None, "a forecast")
    found = rows()
    known, unknown = found["known"], found["unknown"]
    assert known["model_version"] != MODEL_VERSION
    assert (
        known["predicted_views_7d_lower"]
        <= known["predicted_views_7d"]
        <= known["predicted_views_7d_upper"]
    )
    assert 0 <= known["score"] <= 100
    assert (unknown["model_version"], unknown["predicted_views_7d"]) == (MODEL_VERSION, None)
