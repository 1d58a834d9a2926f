"""The whole way over real servers: a request in Kafka, a video in the store, a story in Kafka."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from infra.provision import provision
from infra.settings import Settings
from infra.supervisor.environment import as_environment
from schemas.catalogue import (
    GENERATION_EVENTS,
    GENERATION_REQUESTS,
    OUTLIER_DETECTIONS,
    PROVIDER_HEALTH,
    VIRALITY_SCORES,
)
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from streams.artifacts import Artifacts
from streams.generation.dispatch.dispatch import CONSUMER as DISPATCH
from streams.generation.policy.policy import CONSUMER as POLICY
from streams.generation.policy.rules_file import teasers
from streams.generation.schema import prepare
from tests.unit.generation.policy.events import a_detection, a_score
from tests.unit.generation.requests import NOW, a_request
from tests.unit.generation.test_rendering import probe

PATIENCE = 120.0  # seconds

RULES = """
[[rule]]
name = "hot"
source = "scores"
dry_run = true
when.score = { at_least = 90 }
when.channel_id = { one_of = ["channel-of-this-test"] }
request.prompt = "{title}"
"""


@pytest.fixture
def running(stack_settings: Settings, database: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a stack in which this room's processes run, on a database of their own."""
    own = {"database_url": database, "artifacts_url": (tmp_path / "store").as_uri()}
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    policy = {"teaser_multiple": 4.0, "generation_rules": rules}
    settings = stack_settings.model_copy(update={**own, **policy})
    provision(settings)
    from_now_on(settings)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "infra.run", name],
            env={**os.environ, **as_environment(settings)},
        )
        for name in ("dispatcher", "relay", "generation-worker")
    ]
    try:
        yield settings
    finally:
        for process in processes:
            process.terminate()
        codes = [process.wait(timeout=120) for process in processes]
    assert codes == [0, 0, 0]


def from_now_on(settings: Settings) -> None:
    """Take what other tests asked for as done: a worker alone renders it for minutes."""
    prepare(settings.dsn)
    asker = Consumer({**settings.kafka_config(), "group.id": "unused"})
    try:
        with psycopg.connect(settings.dsn) as conn:
            for consumer, topic in (
                (DISPATCH, GENERATION_REQUESTS),
                (POLICY, OUTLIER_DETECTIONS),
                (POLICY, VIRALITY_SCORES),
            ):
                for part in range(topic.partitions):
                    _, end = asker.get_watermark_offsets(TopicPartition(topic.name, part), 30)
                    conn.execute(
                        "INSERT INTO dispatcher_offsets VALUES (%s, %s, %s, %s)",
                        [consumer, topic.name, part, end],
                    )
    finally:
        asker.close()


def stories(settings: Settings, codec: Codec, job_ids: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Read the topic until each of those jobs has completed."""
    found: dict[str, list[dict[str, Any]]] = {job_id: [] for job_id in job_ids}
    consumer = Consumer({**settings.kafka_config(), "group.id": "unused"})
    parts = range(GENERATION_EVENTS.partitions)
    consumer.assign([TopicPartition(GENERATION_EVENTS.name, p, OFFSET_BEGINNING) for p in parts])
    deadline = time.monotonic() + PATIENCE
    try:
        while not all(story and story[-1]["_type"] == "Completed" for story in found.values()):
            assert time.monotonic() < deadline, found
            message = consumer.poll(1.0)
            if message is None or message.error():
                continue
            if message.key().decode() in job_ids:
                event = codec.decode(GENERATION_EVENTS, message.value(), message.headers())
                found[event["job_id"]].append(event)
    finally:
        consumer.close()
    return found


def health(settings: Settings, codec: Codec, provider: str) -> dict[str, Any]:
    """The first word of a provider's health: workers look at those they know nothing of."""
    consumer = Consumer({**settings.kafka_config(), "group.id": "unused"})
    consumer.assign([TopicPartition(PROVIDER_HEALTH.name, 0, OFFSET_BEGINNING)])
    deadline = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            message = consumer.poll(1.0)
            if message is None or message.error() or message.key() != provider.encode():
                continue
            return codec.decode(PROVIDER_HEALTH, message.value(), message.headers())
        raise AssertionError(f"nobody told of {provider}")
    finally:
        consumer.close()


def test_requests_and_detections_become_videos_and_stories(
    running: Settings, unique: Callable[[str], str], tmp_path: Path
) -> None:
    with Registry(running.registry_config()) as registry:
        codec = Codec(registry)
        publisher = Publisher(running.kafka_config(), codec, source="test")
        video_id, job_id = unique("video"), unique("job")
        request = {"event_id": job_id, "occurred_at": NOW, "job_id": job_id, **a_request()}
        for _ in range(3):  # a producer that repeats itself
            publisher.publish(GENERATION_REQUESTS, request)
        detection = a_detection(video_id=video_id, format="short")
        publisher.publish(OUTLIER_DETECTIONS, detection)
        score = a_score(video_id=video_id, channel_id="channel-of-this-test")
        publisher.publish(VIRALITY_SCORES, score)
        publisher.flush()

        teaser_id = teasers(4.0).request_for(a_detection(video_id=video_id, format="short"), NOW)[
            "job_id"
        ]
        found = stories(running, codec, {job_id, teaser_id})
        for story in found.values():
            assert [event["version"] for event in story] == list(range(1, len(story) + 1))
            kinds = [event["_type"] for event in story if event["_type"] != "Progressed"]
            assert kinds == ["JobQueued", "ProviderChosen", "AttemptStarted", "Completed"]
        assert found[job_id][0]["prompt"] == "a quiet sea"
        assert found[teaser_id][0]["source_video_id"] == video_id
        assert found[teaser_id][0]["requested_by"] == "policy"
        assert health(running, codec, "local")["status"] == "healthy"

    with psycopg.connect(running.dsn) as conn:
        asked = conn.execute(
            "SELECT rule, dry_run FROM policy_requests WHERE video_id = %s", [video_id]
        )
        assert set(asked.fetchall()) == {("hot", True), ("teasers", False)}
        counts = conn.execute("SELECT rule, outcome FROM policy_outcomes WHERE times > 0")
        assert {("hot", "would_ask"), ("teasers", "asked")} <= set(counts.fetchall())
    assert running.artifacts_url is not None
    completed = found[teaser_id][-1]
    content = asyncio.run(Artifacts(running.artifacts_url).read(completed["artifact"]))
    path = tmp_path / "teaser.mp4"
    path.write_bytes(content)
    assert "288x512" in probe(path)
    assert len(content) == completed["bytes"]
