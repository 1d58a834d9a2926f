"""Events on their way into the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from pydantic import SecretStr

from api.routes.events import MOST_EVENTS
from schemas.catalogue import ENGAGEMENT, VIDEO_UPLOADS
from schemas.personal.sealed import is_sealed
from schemas.publisher import Position
from schemas.topic import Topic
from tests.integration.api.conftest import KEY, Api, moment, serving
from tests.integration.api.stand_in import StandInModels

Make = Callable[[str], str]


def view(video_id: str, **facts: Any) -> dict[str, Any]:
    return {
        "video_id": video_id,
        "channel_id": "c1",
        "viewer_id": "u1",
        "kind": "view",
        "watch_ms": 1000,
        **facts,
    }


def at(api: Api, position: Position) -> Any:
    """The record that stands at a position."""
    consumer = Consumer({**api.settings.kafka_config(), "group.id": "tests"})
    try:
        consumer.assign([TopicPartition(position.topic, position.partition, position.offset)])
        message = consumer.poll(20)
        assert message is not None
        assert message.error() is None
        return message
    finally:
        consumer.close()


def test_an_event_stands_at_the_position_that_the_answer_names(api: Api, unique: Make) -> None:
    video = unique("video")
    answer = api.client.post("/api/v1/events/engagement.events.v1", json=view(video))
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["rejected"]) == (1, [])
    position = Position.parse(answer.headers["X-Event-Position"])
    assert body["positions"] == [
        {"index": 0, "partition": position.partition, "offset": position.offset}
    ]
    message = at(api, position)
    event = api.codec.decode(ENGAGEMENT, message.value(), message.headers())
    assert message.key() == video.encode()
    assert (event["video_id"], event["watch_ms"]) == (video, 1000)
    assert event["event_id"]
    assert event["occurred_at"]
    assert dict(message.headers())["ce_source"] == b"/groundswell/api"


def test_what_an_event_says_of_itself_is_kept(api: Api, unique: Make) -> None:
    identity, when = unique("event"), moment(60)
    answer = api.client.post(
        "/api/v1/events/engagement.events.v1",
        json=view(unique("video"), event_id=identity, occurred_at=when.isoformat()),
    )
    message = at(api, Position.parse(answer.headers["X-Event-Position"]))
    event = api.codec.decode(ENGAGEMENT, message.value(), message.headers())
    assert (event["event_id"], event["occurred_at"]) == (identity, when)


def test_a_repeated_idempotency_key_gives_the_same_event_id(api: Api, unique: Make) -> None:
    key, video = unique("key"), unique("video")
    ids = set()
    for _ in range(2):
        answer = api.client.post(
            "/api/v1/events/engagement.events.v1",
            json=view(video),
            headers={"Idempotency-Key": key},
        )
        message = at(api, Position.parse(answer.headers["X-Event-Position"]))
        ids.add(api.codec.decode(ENGAGEMENT, message.value(), message.headers())["event_id"])
    assert len(ids) == 1


def test_one_bad_event_in_a_batch_does_not_stop_the_good_ones(api: Api, unique: Make) -> None:
    video = unique("video")
    events = [
        view(video),
        view(video, kind="stare"),
        view(video, watch_ms=-1),
        view(video, occurred_at="yesterday"),
        "no event",
        {name: value for name, value in view(video).items() if name != "channel_id"},
        view(video, colour="red"),
        view(video),
    ]
    answer = api.client.post("/api/v1/events/engagement.events.v1", json=events)
    assert answer.status_code == 202
    body = answer.json()
    assert body["accepted"] == 2
    assert [one["index"] for one in body["positions"]] == [0, 7]
    wrong = {one["index"]: one for one in body["rejected"]}
    assert sorted(wrong) == [1, 2, 3, 4, 5, 6]
    assert wrong[1]["path"] == "kind" or "kind" in wrong[1]["reason"] + wrong[1]["path"]
    assert "watch_ms" in wrong[2]["path"] + wrong[2]["reason"]
    assert wrong[3]["path"] == "occurred_at"
    assert "object" in wrong[4]["reason"]
    assert wrong[5] == {"index": 5, "path": "channel_id", "reason": "is missing"}
    assert wrong[6]["path"] == "colour"


def test_when_nothing_fits_it_is_422_with_every_path(api: Api) -> None:
    answer = api.client.post("/api/v1/events/engagement.events.v1", json=[{}, view("")])
    assert answer.status_code == 422
    body = answer.json()
    assert body["error_code"] == "INVALID_EVENT"
    assert [one["index"] for one in body["details"]["rejected"]] == [0, 1]
    assert "X-Event-Position" not in answer.headers


@pytest.mark.parametrize("body", [b"[]", b"{", b"", b"null", b"[" + b"{}," * MOST_EVENTS + b"{}]"])
def test_what_is_no_event_at_all_is_422(api: Api, body: bytes) -> None:
    answer = api.client.post(
        "/api/v1/events/engagement.events.v1",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["request_id"]


def test_an_unknown_topic_is_404_and_names_the_known_ones(api: Api) -> None:
    answer = api.client.post("/api/v1/events/nothing.v1", json={})
    assert answer.status_code == 404
    assert "engagement.events.v1" in answer.json()["error"]


@pytest.mark.parametrize(
    "topic",
    [
        "virality.scores.v1",
        "virality.channels.v1",
        "virality.forecasts.v1",
        "virality.models.v1",
        "outlier.baselines.v1",
        "outlier.detections.v1",
        "outlier.analyses.v1",
        "outlier.content.v1",
        "generation.events.v1",
        "generation.provider-health.v1",
        "youtube.watched-channels.v1",
        "youtube.expiries.v1",
        "identity.events.v1",
    ],
)
def test_what_agents_write_cannot_be_published(api: Api, topic: str) -> None:
    answer = api.client.post(f"/api/v1/events/{topic}", json={})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "FORBIDDEN")


def test_a_body_that_is_too_large_is_413(api: Api) -> None:
    answer = api.client.post(
        "/api/v1/events/engagement.events.v1",
        content=b'"' + b"x" * (8 * 1024 * 1024) + b'"',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_a_large_batch_keeps_its_order_within_a_key(api: Api, unique: Make) -> None:
    video = unique("video")
    answer = api.client.post(
        "/api/v1/events/engagement.events.v1", json=[view(video) for _ in range(5000)]
    )
    positions = answer.json()["positions"]
    assert [one["index"] for one in positions] == list(range(5000))
    assert len({one["partition"] for one in positions}) == 1
    offsets = [one["offset"] for one in positions]
    assert offsets == sorted(offsets)


def test_times_and_lists_come_through(api: Api, unique: Make) -> None:
    video = unique("video")
    answer = api.client.post(
        "/api/v1/events/video.uploads.v1",
        json={
            "video_id": video,
            "channel_id": "c1",
            "title": "Ein Vidéo 🌊",
            "tags": ["a", "b"],
            "published_at": "2026-05-01T12:00:00Z",
        },
    )
    message = at(api, Position.parse(answer.headers["X-Event-Position"]))
    event = api.codec.decode(VIDEO_UPLOADS, message.value(), message.headers())
    assert (event["title"], event["tags"]) == ("Ein Vidéo 🌊", ["a", "b"])
    assert event["published_at"].isoformat() == "2026-05-01T12:00:00+00:00"


def test_personal_fields_are_sealed_and_equal_ids_stay_equal(api: Api, unique: Make) -> None:
    viewer = unique("viewer")
    events = [view(unique("video"), viewer_id=viewer, session_id=f"{viewer}/1") for _ in range(2)]
    answer = api.client.post("/api/v1/events/engagement.events.v1", json=events)
    topic = ENGAGEMENT.name
    messages = [
        at(api, Position(topic, one["partition"], one["offset"]))
        for one in answer.json()["positions"]
    ]
    assert all(viewer.encode() not in message.value() for message in messages)
    found = [api.codec.decode(ENGAGEMENT, message.value()) for message in messages]
    assert all(is_sealed(one["viewer_id"]) and is_sealed(one["session_id"]) for one in found)
    assert found[0]["viewer_id"] == found[1]["viewer_id"]
    assert found[0]["session_id"] != found[0]["viewer_id"]


def ends(api: Api, topic: Topic) -> list[int]:
    consumer = Consumer({**api.settings.kafka_config(), "group.id": "tests"})
    try:
        places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        return [consumer.get_watermark_offsets(place, timeout=60)[1] for place in places]
    finally:
        consumer.close()


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        ({"database_url": "postgresql://127.0.0.1:1/none"}, "DATABASE_UNAVAILABLE", "database"),
        (
            {"personal_data_secret": SecretStr("not the secret of the tests, but long enough")},
            "PERSON_KEYS_UNAVAILABLE",
            "PERSONAL_DATA_SECRET",
        ),
    ],
)
def test_without_keys_nothing_personal_is_published_and_the_rest_is(
    api: Api, unique: Make, change: dict[str, Any], code: str, word: str
) -> None:
    assert api.client.post("/api/v1/events/engagement.events.v1", json=view("v")).is_success
    before = ends(api, ENGAGEMENT)
    with (
        serving(api.settings.model_copy(update=change), StandInModels()) as url,
        httpx.Client(base_url=url, headers={"X-API-Key": KEY}, timeout=120) as client,
    ):
        answer = client.post(
            "/api/v1/events/engagement.events.v1", json=[view(unique("video")), {"bad": 1}]
        )
        assert (answer.status_code, answer.json()["error_code"]) == (503, code)
        assert word in answer.json()["error"]
        facts = {"channel_id": "c", "title": "t", "published_at": "2026-05-01T00:00:00Z"}
        upload = client.post(
            "/api/v1/events/video.uploads.v1", json={"video_id": unique("video"), **facts}
        )
        assert upload.status_code == 202, upload.text
    assert ends(api, ENGAGEMENT) == before
