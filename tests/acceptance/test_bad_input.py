"""Bad input of every kind: a clear answer or a dead letter; the good goes on; counts say so."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import polars as pl
import pytest
from confluent_kafka import Producer

from schemas.catalogue import ENGAGEMENT, VIDEO_SNAPSHOTS, VIDEO_UPLOADS
from schemas.registry import Registry
from schemas.topic import Topic
from schemas.wire import prefix
from tests.acceptance.conftest import Platform
from tests.chaos.independent import messages

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


def view(video: str, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()),
        "occurred_at": NOW.isoformat(),
        "video_id": video,
        "channel_id": "bad-input-channel",
        "viewer_id": "u1",
        "kind": "view",
        "watch_ms": 1000,
        **changes,
    }


def snapshot(video: str, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()),
        "occurred_at": NOW.isoformat(),
        "video_id": video,
        "channel_id": "bad-input-channel",
        "title": "A title",
        "published_at": (NOW - dt.timedelta(days=2)).isoformat(),
        "views": 100,
        "likes": 10,
        "comments": 1,
        **changes,
    }


@pytest.fixture
def video() -> str:
    return f"video-{uuid.uuid4().hex[:10]}"


class RawProducer:
    """A producer of somebody else's, who keeps to nothing."""

    def __init__(self, platform: Platform) -> None:
        self.settings = platform.settings
        self._producer = Producer(self.settings.kafka_config())
        with Registry(self.settings.registry_config()) as registry:
            self._ids = {t.name: registry.id_of(t) for t in (ENGAGEMENT, VIDEO_SNAPSHOTS)}

    def send(self, topic: Topic, key: str, value: bytes) -> None:
        self._producer.produce(topic.name, value, key)
        assert self._producer.flush(30) == 0

    def send_event(self, topic: Topic, key: str, event: dict[str, Any]) -> None:
        """Encoded rightly, whatever it says."""
        times = {k: dt.datetime.fromisoformat(v) for k, v in event.items() if k.endswith("_at")}
        stream = io.BytesIO()
        stream.write(prefix(self._ids[topic.name]))
        schema = fastavro.parse_schema(topic.schema, named_schemas={})
        fastavro.schemaless_writer(stream, schema, {**event, **times})
        self.send(topic, key, stream.getvalue())


@pytest.fixture(scope="module")
def raw(platform: Platform) -> RawProducer:
    return RawProducer(platform)


def letters_so_far(platform: Platform, topic: Topic) -> int:
    return sum(1 for _ in messages(platform.settings, topic.dlq, 1))


def letters(platform: Platform, topic: Topic) -> list[dict[str, Any]]:
    shown = platform.groundswell("dlq", "show", topic.name, "--limit", "10000", "--json")
    found: list[dict[str, Any]] = json.loads(shown.stdout)
    return found


def test_poison_in_the_log_becomes_dead_letters_and_the_good_goes_on(
    platform: Platform, raw: RawProducer, video: str, until: Callable[..., Any]
) -> None:
    before = letters_so_far(platform, ENGAGEMENT)
    raw.send_event(ENGAGEMENT, video, view(video))
    raw.send(ENGAGEMENT, video, b"these are no avro bytes")
    raw.send(ENGAGEMENT, video, prefix(987_654_321) + b"unknown schema")
    raw.send_event(ENGAGEMENT, video, view(video, occurred_at="1970-01-01T00:00:01+00:00"))
    raw.send_event(ENGAGEMENT, video, view(video, occurred_at="2199-01-01T00:00:00+00:00"))
    raw.send_event(ENGAGEMENT, video, view(video, watch_ms=-1))
    raw.send_event(ENGAGEMENT, video, view(video))

    def seen() -> bool:
        answer = platform.api.get(f"/api/v1/virality/{video}")
        return answer.status_code == 200 and answer.json()["views"] == 2

    until(seen)
    platform.settle()
    found = letters(platform, ENGAGEMENT)[before:]
    assert len(found) == 5
    reasons = [letter["reason"] for letter in found]
    for word in ("no schema id", "no schema 987654321", "before 2005", "hour after", "below zero"):
        assert sum(word in reason for reason in reasons) == 1, (word, reasons)
    assert all(letter["record"].startswith(f"{ENGAGEMENT.name}/") for letter in found)


def test_a_snapshot_with_negative_counts_is_a_dead_letter_and_hidden_counts_are_not(
    platform: Platform, raw: RawProducer, video: str, until: Callable[..., Any]
) -> None:
    before = letters_so_far(platform, VIDEO_SNAPSHOTS)
    raw.send_event(VIDEO_SNAPSHOTS, "bad-input-channel", snapshot(video, views=-5))
    raw.send_event(VIDEO_SNAPSHOTS, "bad-input-channel", snapshot(video, views=None, likes=None))
    found = until(
        lambda: (
            (answer := platform.api.get(f"/api/v1/videos/{video}")).status_code == 200
            and answer.json()
        )
    )
    assert (found["views"], found["likes"], found["comments"]) == (None, None, 1)
    until(lambda: letters_so_far(platform, VIDEO_SNAPSHOTS) > before)
    platform.settle()
    after = letters(platform, VIDEO_SNAPSHOTS)[before:]
    # The agent and the projection both read the topic; the record is one letter all the same.
    assert len(after) == 1
    assert "views is below zero" in after[0]["reason"]


def test_a_recount_with_fewer_views_is_taken_as_it_is(
    platform: Platform, video: str, until: Callable[..., Any]
) -> None:
    later = (NOW + dt.timedelta(minutes=1)).isoformat()
    for event in (snapshot(video), snapshot(video, views=60, occurred_at=later)):
        answer = platform.api.post(f"/api/v1/events/{VIDEO_SNAPSHOTS.name}", json=event)
        assert answer.status_code == 202, answer.text
    until(
        lambda: (
            (answer := platform.api.get(f"/api/v1/videos/{video}")).status_code == 200
            and answer.json()["views"] == 60
        )
    )


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"video_id": None}, "video_id"),
        ({"kind": "applause"}, "kind"),
        ({"watch_ms": "long"}, "watch_ms"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_the_door_names_the_path_of_what_is_wrong(
    platform: Platform, video: str, change: dict[str, Any], path: str
) -> None:
    answer = platform.api.post(
        f"/api/v1/events/{ENGAGEMENT.name}", json=[view(video), view(video, **change)]
    )
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert body["accepted"] == 1
    assert [(one["index"], one["path"]) for one in body["rejected"]] == [(1, path)]


def test_the_door_names_a_missing_field(platform: Platform, video: str) -> None:
    event = view(video)
    del event["channel_id"]
    answer = platform.api.post(f"/api/v1/events/{ENGAGEMENT.name}", json=event)
    assert answer.status_code == 422
    envelope = answer.json()
    assert {"error", "error_code", "details", "timestamp", "request_id"} <= envelope.keys()
    assert envelope["details"]["rejected"][0]["path"] == "channel_id"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "before 2005"),
        ({"occurred_at": "2150-01-01T00:00:00Z"}, "hour after"),
        ({"watch_ms": -3}, "below zero"),
        ({"video_id": ""}, "empty"),
    ],
)
def test_the_door_keeps_the_rules_that_agents_keep(
    platform: Platform, video: str, change: dict[str, Any], word: str
) -> None:
    answer = platform.api.post(f"/api/v1/events/{ENGAGEMENT.name}", json=view(video, **change))
    assert answer.status_code == 422
    assert word in answer.json()["error"]


def test_files_that_cannot_be_used_are_refused_in_one_line(
    platform: Platform, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.ndjson"
    empty.touch()
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("name,age\nsomebody,7\n")
    no_parquet = tmp_path / "snapshots.parquet"
    no_parquet.write_bytes(b"PAR1 not really")
    for path, words in (
        (empty, ["empty.ndjson"]),
        (wrong, ["wrong.csv", "name", "age"]),
        (no_parquet, ["snapshots.parquet"]),
        (tmp_path / "absent.csv", ["absent.csv"]),
    ):
        done = platform.groundswell("ingest", str(path), ok=False)
        assert done.returncode == 1, (path, done.stdout, done.stderr)
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert "Traceback" not in done.stderr
        for word in words:
            assert word in done.stderr


def test_a_file_with_bad_rows_gives_its_good_ones_and_counts_both(
    platform: Platform, tmp_path: Path, video: str, until: Callable[..., Any]
) -> None:
    lines = [json.dumps(view(video)) for _ in range(50)]
    lines[7] = "{not json"
    lines[21] = json.dumps(view(video, watch_ms=-1))
    lines[33] = json.dumps(view(video, kind="wave"))
    path = tmp_path / "events.ndjson.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    done = platform.groundswell("ingest", str(path), "--format", "events", "--json")
    report = json.loads(done.stdout)
    assert (report["published"], report["rejected"]) == (47, 3)
    shown = " ".join(str(error) for error in report["first_errors"])
    assert all(str(line) in shown for line in (8, 22, 34))

    def counted() -> bool:
        answer = platform.api.get(f"/api/v1/virality/{video}")
        return answer.status_code == 200 and answer.json()["views"] == 47

    until(counted)


def test_a_truncated_gzip_gives_what_is_before_the_cut(
    platform: Platform, tmp_path: Path, video: str
) -> None:
    lines = "\n".join(json.dumps(view(video)) for _ in range(5_000)).encode()
    path = tmp_path / "cut.ndjson.gz"
    path.write_bytes(gzip.compress(lines)[:-20_000])
    done = platform.groundswell("ingest", str(path), "--format", "events", "--json")
    report = json.loads(done.stdout)
    assert 0 < report["published"] < 5_000
    assert report["rejected"] >= 1
    assert "cut.ndjson.gz" in str(report["first_errors"])


def test_a_null_in_a_key_column_costs_one_row(platform: Platform, tmp_path: Path) -> None:
    path = tmp_path / "videos.parquet"
    pl.DataFrame(
        {
            "video_id": ["null-row-1", None, "null-row-3"],
            "channel_id": ["c", "c", "c"],
            "title": ["a", "b", "c"],
            "published_at": [NOW, NOW, NOW],
        }
    ).write_parquet(path)
    done = platform.groundswell("ingest", str(path), "--format", "videos", "--json")
    report = json.loads(done.stdout)
    assert (report["published"], report["rejected"]) == (2, 1)
    assert report["by_topic"] == {VIDEO_UPLOADS.name: 2}
