"""Bad records and bad moments: the good goes on, nothing is lost, nothing counts twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import psycopg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec

from projections.catalogue import PROJECTIONS
from projections.status import projection_lag
from projections.videos import VIDEOS
from schemas.catalogue import VIDEO_SNAPSHOTS, VIDEO_UPLOADS
from tests.integration.projections.conftest import Log, snapshot, until, upload

CHILD = Path(__file__).with_name("projector_process.py")


def test_undecodable_bytes_become_a_dead_letter_with_coordinates(log: Log) -> None:
    videos = log.projection(VIDEOS)
    log.publish(VIDEO_UPLOADS, upload("v"))
    log.put(VIDEO_UPLOADS, b"no avro at all", partition=1)
    with log.projecting(videos):
        log.await_applied(videos)
    assert log.rows("SELECT video_id FROM videos") == [("v",)]
    topic = log.topic(VIDEO_UPLOADS).name
    offset = log.checkpoints(videos)[topic, 1] - 1
    [(key, value, headers)] = log.letters(VIDEO_UPLOADS)
    assert key == f"{topic}/1/{offset}".encode()
    assert value == b"no avro at all"
    assert headers["groundswell.dlq.component"] == videos.group.encode()
    assert headers["groundswell.dlq.reason"]


def test_of_a_chunk_with_rows_that_postgresql_refuses_the_others_are_applied(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.storable._LONGEST_ID", 10**6)  # as if nobody knew of it
    videos = log.projection(VIDEOS)
    bad = {3, 4, 17}
    log.publish(
        VIDEO_SNAPSHOTS,
        *(
            snapshot(f"v{n}", n, title=f"nul \0 {n}" if n in bad else f"title {n}")
            for n in range(20)
        ),
        snapshot("too long for an index " + np.random.default_rng(1).bytes(20_000).hex(), 1),
    )
    with log.projecting(videos):
        log.await_applied(videos)
    assert {row[0] for row in log.rows("SELECT video_id FROM videos")} == {
        f"v{n}" for n in range(20) if n not in bad
    }
    reasons = [headers["groundswell.dlq.reason"] for _, _, headers in log.letters(VIDEO_SNAPSHOTS)]
    assert len(reasons) == len(bad) + 1
    assert all(reason.startswith(b"PostgreSQL refuses it") for reason in reasons)


def test_a_projection_goes_on_after_its_connection_was_cut(log: Log) -> None:
    videos = log.projection(VIDEOS)
    with log.projecting(videos):
        log.publish(VIDEO_SNAPSHOTS, snapshot("v", 1, 1))
        log.await_applied(videos)
        with psycopg.connect(log.settings.dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'groundswell%'"
            )
        log.publish(VIDEO_SNAPSHOTS, snapshot("v", 2, 2))
        log.await_applied(videos)
    assert log.rows("SELECT views, snapshots FROM videos") == [(2, 2)]


def test_a_checkpoint_put_back_by_hand_is_believed(log: Log) -> None:
    """As after a database was restored from a backup that is older than the log."""
    videos = log.projection(VIDEOS)
    log.publish(VIDEO_SNAPSHOTS, *(snapshot("v", n, n) for n in range(1, 5)))
    with log.projecting(videos):
        log.await_applied(videos)
    with psycopg.connect(log.settings.dsn) as connection:
        connection.execute("UPDATE projection_checkpoints SET next_offset = 0")
        connection.execute("DELETE FROM videos")
        connection.execute("DELETE FROM video_observations")
    with log.projecting(videos):
        log.await_applied(videos)
    assert log.rows("SELECT views, snapshots FROM videos") == [(4, 4)]


def test_records_lost_to_retention_are_passed_over_and_the_rest_is_applied(log: Log) -> None:
    videos = log.projection(VIDEOS)
    log.publish(VIDEO_SNAPSHOTS, *(snapshot("v", n, n) for n in range(1, 5)))
    topic = log.topic(VIDEO_SNAPSHOTS)
    partition = next(partition for partition, end in log.ends(topic).items() if end)
    log.admin.delete_records([TopicPartition(topic.name, partition, 3)])
    place = TopicPartition(topic.name, partition)
    until(
        lambda: log.admin.list_offsets({place: OffsetSpec.earliest()})[place].result().offset == 3
    )
    with log.projecting(videos):
        log.await_applied(videos)
    assert log.rows("SELECT views, snapshots FROM videos") == [(4, 1)]


def test_a_topic_that_ends_before_the_checkpoint_is_reported_and_not_guessed_at(log: Log) -> None:
    videos = log.projection(VIDEOS)
    log.publish(VIDEO_SNAPSHOTS, snapshot("v", 1, 1))
    with log.projecting(videos):
        log.await_applied(videos)
    with psycopg.connect(log.settings.dsn) as connection:
        connection.execute("UPDATE projection_checkpoints SET next_offset = next_offset + 1000")

    def reported() -> bool:
        with psycopg.connect(log.settings.dsn) as connection:
            [lag] = projection_lag(connection)
        return "was the topic made anew" in (lag["problem"] or "")

    with log.projecting(videos):
        until(reported)
    assert log.rows("SELECT views, snapshots FROM videos") == [(1, 1)]


def test_after_kill_9_at_any_moment_the_tables_equal_an_independent_fold(log: Log) -> None:
    videos = log.projection(VIDEOS)
    random = np.random.default_rng(7)
    events = [
        snapshot(f"v{random.integers(40)}", int(random.integers(10**6)), int(hour))
        for hour in random.integers(2000, size=6000)
    ]
    processes = [_projector(log)]
    for at in range(0, len(events), 1000):
        log.publish(VIDEO_SNAPSHOTS, *events[at : at + 1000])
        if at in (1000, 3000):
            until(lambda at=at: sum(log.checkpoints(videos).values()) > at)
            processes[-1].send_signal(signal.SIGKILL)
            processes[-1].wait()
            processes.append(_projector(log))
    log.await_applied(videos)
    processes[-1].terminate()
    assert processes[-1].wait(120) == 0
    expected: dict[str, dict[object, int]] = defaultdict(dict)
    for event in events:  # in the order of the log: one channel, so one partition
        expected[event["video_id"]][event["occurred_at"]] = event["views"]
    assert log.rows("SELECT video_id, snapshots, views FROM videos ORDER BY video_id") == sorted(
        (video, len(seen), seen[max(seen)]) for video, seen in expected.items()
    )
    assert log.rows("SELECT count(*) FROM video_observations") == [
        (sum(map(len, expected.values())),)
    ]


def _projector(log: Log) -> subprocess.Popen[bytes]:
    assert VIDEOS.name in PROJECTIONS
    return subprocess.Popen(
        [sys.executable, str(CHILD), log.suffix, VIDEOS.name], env=log.environment(), cwd=Path.cwd()
    )


def test_two_projectors_share_the_partitions_and_one_takes_over_from_the_other(log: Log) -> None:
    videos = log.projection(VIDEOS)
    uploads = [upload(f"v{n}") for n in range(300)]
    with log.projecting(videos):
        with log.projecting(videos):
            for at in range(0, 200, 20):
                log.publish(VIDEO_UPLOADS, *uploads[at : at + 20])
                log.publish(VIDEO_SNAPSHOTS, *(snapshot(f"v{n}", n, 1) for n in range(at, at + 20)))
            log.await_applied(videos)
        log.publish(VIDEO_UPLOADS, *uploads[200:])
        log.await_applied(videos)
    assert log.rows("SELECT count(*), count(uploaded_at), sum(snapshots)::int FROM videos") == [
        (300, 300, 200)
    ]
    assert log.letters(VIDEO_UPLOADS) == []


YEAR_33658 = 10**18  # microseconds since 1970
TOO_LONG = "too long for an index " + np.random.default_rng(1).bytes(20_000).hex()


@pytest.mark.parametrize(
    "bad", [{"published_at": YEAR_33658}, {"channel_id": TOO_LONG}], ids=["time", "channel"]
)
def test_what_is_refused_does_not_depend_on_what_else_is_in_its_chunk(
    log: Log, bad: dict[str, object]
) -> None:
    """The newer event of the chunk would hide the bad one from PostgreSQL."""
    videos = log.projection(VIDEOS)
    events = [snapshot("v", 1, 1) | bad, snapshot("v", 2, 2)]
    topic = log.topic(VIDEO_SNAPSHOTS)

    def publish(video: str, event: dict[str, object]) -> None:
        value = log.codec.encode(topic, event | {"video_id": video})
        log.put(VIDEO_SNAPSHOTS, value, partition=0)

    for event in events:
        publish("together", event)
    with log.projecting(videos):
        for event in events:
            log.await_applied(videos)
            publish("apart", event)
        log.await_applied(videos)
    assert log.rows("SELECT video_id, views, snapshots FROM videos ORDER BY video_id") == [
        ("apart", 2, 1),
        ("together", 2, 1),
    ]
    assert len(log.letters(VIDEO_SNAPSHOTS)) == 2
