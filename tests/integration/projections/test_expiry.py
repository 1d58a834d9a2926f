"""After an expiry the tables are what the log without expired snapshots folds into."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
import time
from collections.abc import Iterator
from typing import Any

import polars as pl
import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from projections.channels import CHANNELS
from projections.observations import EXPIRY_UPSERTS
from projections.projection import Projection
from projections.spans import Outcome, Span
from projections.store import Store
from projections.videos import VIDEOS
from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    EXPIRIES,
    OUTLIER_BASELINES,
    VIDEO_SNAPSHOTS,
    VIDEO_UPLOADS,
)
from schemas.expiries import data_expired
from schemas.topic import Topic
from tests.integration.projections.conftest import Log, snapshot, upload
from tests.unit.projections.frames import START, frame

SECOND = dt.timedelta(seconds=1)
TABLES = {
    "videos": ("videos", "video_observations"),
    "channels": ("channels", "channel_observations"),
}


@dataclasses.dataclass(frozen=True)
class Record:
    """An event at its place in the log, received so many seconds after START."""

    topic: Topic
    partition: int
    received: int
    event: dict[str, Any]


def history(seed: int, kind: str) -> list[Record]:
    """A log: each partition in its order, received at random times that never go back."""
    rng = random.Random(seed)
    records = []
    clock = 0
    for number in range(rng.randint(5, 40)):
        clock += rng.randint(0, 2)
        name, hours = rng.choice("ab"), rng.randint(0, 6)
        topic, event = _event(rng, kind, name, hours, number)
        # Keys stay where they are; only a video's snapshots can move, with another channel.
        partition = rng.randint(0, 1) if topic is VIDEO_SNAPSHOTS else "ab".index(name)
        records.append(Record(topic, partition, clock, event))
    return records


def _event(
    rng: random.Random, kind: str, name: str, hours: int, number: int
) -> tuple[Topic, dict[str, Any]]:
    if kind == "videos":
        if rng.random() < 0.15:
            return VIDEO_UPLOADS, upload(name, hours, title=f"upload {number}", category="c")
        facts = {"title": rng.choice([None, f"title {number}"]), "duration_s": number}
        return VIDEO_SNAPSHOTS, snapshot(name, number, hours, **facts)
    if rng.random() < 0.15:
        return OUTLIER_BASELINES, {
            "channel_id": name,
            "as_of": START,
            "snapshots": number,
            "baselines": [],
            "tests_gone": 0,
            "applied_offset": number,
        }
    return CHANNEL_SNAPSHOTS, {
        "event_id": str(number),
        "occurred_at": START + dt.timedelta(hours=hours),
        "channel_id": name,
        "title": rng.choice([None, f"title {number}"]),
        "subscribers": number,
        "views": number,
        "videos": None,
    }


class Offline:
    """Records by topic and partition, with the offsets that they have in the log."""

    def __init__(self, records: list[Record]) -> None:
        self.parts: dict[tuple[str, int], pl.DataFrame] = {}
        topics = {record.topic.name: record.topic for record in records}
        for name, topic in topics.items():
            for partition in {r.partition for r in records if r.topic.name == name}:
                mine = [r for r in records if (r.topic.name, r.partition) == (name, partition)]
                received = pl.Series("_timestamp", [START + r.received * SECOND for r in mine])
                events = frame(topic, (r.event for r in mine), partition=partition)
                self.parts[name, partition] = events.with_columns(
                    received.cast(events["_timestamp"].dtype)
                )

    def without(self, before: dt.datetime | None) -> Offline:
        """The log without the snapshots received before an instant; offsets stay."""
        left = Offline([])
        for where, events in self.parts.items():
            expires = "snapshots" in where[0] and before is not None
            left.parts[where] = events.filter(pl.col("_timestamp") >= before) if expires else events
        return left

    def chunks(self, rng: random.Random) -> Iterator[tuple[str, int, pl.DataFrame]]:
        """Cut anywhere; partitions and topics in any order to each other."""
        rest = dict(self.parts)
        while rest:
            where = rng.choice(sorted(rest))
            size = rng.randint(1, 6)
            yield *where, rest[where].head(size)
            rest[where] = rest[where].slice(size)
            if rest[where].is_empty():
                del rest[where]


def folded(
    database: str, projection: Projection, log: Offline, rng: random.Random
) -> dict[str, list[tuple[Any, ...]]]:
    """The projection's tables after the log."""
    schema = f"s{rng.getrandbits(60):x}"
    store = Store(database, projection, schema=schema)
    store.open()
    try:
        for topic, partition, events in log.chunks(rng):
            if events.is_empty():
                continue
            source = projection.source(topic)
            start = store.position(topic, partition)
            end = events["_offset"].to_list()[-1] + 1
            wanted = events if source.columns is None else events.drop("event_id", strict=False)
            outcome = store.apply(source, Span(topic, partition, start, end), wanted, high=end)
            assert outcome is Outcome.APPLIED
    finally:
        store.close()
    with psycopg.connect(database) as connection:
        return {
            name: connection.execute(
                sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(
                    sql.Identifier(schema, name)
                )
            ).fetchall()
            for name in TABLES[projection.name]
        }


@pytest.mark.parametrize("projection", [VIDEOS, CHANNELS], ids=["videos", "channels"])
@pytest.mark.parametrize("seed", range(25))
def test_tables_are_the_fold_of_what_has_not_expired_whatever_was_read_first(
    database: str, projection: Projection, seed: int
) -> None:
    rng = random.Random(seed)
    records = history(seed, projection.name)
    ends = [rng.randint(0, records[-1].received + 1) for _ in range(rng.randint(1, 3))]
    expiries = [
        Record(EXPIRIES, 0, records[-1].received + 2, data_expired(START + end * SECOND))
        for end in ends
    ]
    log = Offline([*records, *expiries])
    left = Offline(records).without(START + max(ends) * SECOND)
    wanted = folded(database, projection, left, rng)
    for _ in range(3):
        assert folded(database, projection, log, rng) == wanted
    # ... and a log whose old snapshots were deleted folds into the same, expiries and all.
    again = folded(database, projection, log.without(START + max(ends) * SECOND), rng)
    assert again == wanted


def test_histories_of_this_test_have_what_it_is_about() -> None:
    """Late snapshots that outlive newer ones: without them titles would be lost unseen."""
    found = 0
    for seed in range(25):
        events = history(seed, "videos")
        for one in events:
            for other in events:
                found += (
                    one.topic is other.topic is VIDEO_SNAPSHOTS
                    and one.event["video_id"] == other.event["video_id"]
                    and one.event["occurred_at"] > other.event["occurred_at"]
                    and one.received < other.received
                )
    assert found > 100


@pytest.mark.parametrize("projection", [VIDEOS, CHANNELS], ids=["videos", "channels"])
def test_an_expiry_waits_for_a_chunk_that_is_being_written(
    database: str, projection: Projection
) -> None:
    """What is not committed yet must not slip past it."""
    store = Store(database, projection)
    store.open()
    store.close()
    key = f"{projection.name.removesuffix('s')}_id"
    with psycopg.connect(database) as chunk, psycopg.connect(database) as expiry:
        for connection in (chunk, expiry):
            connection.execute(projection.statements["staging"])
            connection.commit()
        more = ", channel_id, published_at" if projection is VIDEOS else ""
        values = ", 'c', now()" if more else ""
        chunk.execute(
            f"INSERT INTO staged_observations ({key}, stored_at, observed_at, applied_offset{more}"
            f"{', applied_partition' if more else ''}) VALUES ('a', '2025-03-01', '2025-03-01', 0"
            f"{values}{', 0' if more else ''})".encode()
        )
        chunk.execute(projection.statements["upsert_snapshots"])
        expiry.execute("SET lock_timeout TO '200ms'")
        expiry.commit()

        def expire() -> None:
            expiry.execute("INSERT INTO staged_expiries VALUES ('2025-03-02')")
            for name in EXPIRY_UPSERTS:
                expiry.execute(projection.statements[name])

        with pytest.raises(psycopg.errors.LockNotAvailable):
            expire()
        expiry.rollback()
        chunk.commit()
        expire()
        expiry.commit()
        for name in TABLES[projection.name]:
            count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
            assert expiry.execute(count).fetchone() == (0,)


def test_live_tables_lose_what_is_raw_and_fold_again_from_what_the_log_has_left(
    log: Log,
) -> None:
    videos, channels = log.projection(VIDEOS), log.projection(CHANNELS)
    log.publish(VIDEO_SNAPSHOTS, snapshot("old", 1, 1), snapshot("both", 10, 1, title="Before"))
    log.publish(VIDEO_SNAPSHOTS, snapshot("uploaded", 5, 1))
    log.publish(VIDEO_UPLOADS, upload("uploaded"))
    log.publish(CHANNEL_SNAPSHOTS, channel("gone", 1), channel("baseline", 2))
    log.publish(OUTLIER_BASELINES, baseline("baseline"))
    with log.projecting(videos, channels):
        log.await_applied(videos)
        log.await_applied(channels)
        before = received_until_now(log)
        log.publish(VIDEO_SNAPSHOTS, snapshot("both", 4, 0.5, title="Late"))
        log.publish(CHANNEL_SNAPSHOTS, channel("new", 3))
        log.publish(EXPIRIES, data_expired(before))
        log.await_applied(videos)
        log.await_applied(channels)
    live = everything(log)
    assert log.rows("SELECT video_id, title, views, snapshots FROM videos ORDER BY 1") == [
        ("both", "Late", 4, 1),
        ("uploaded", "Upload uploaded", None, 0),
    ]
    assert log.rows("SELECT channel_id, subscribers, baselines FROM channels ORDER BY 1") == [
        ("baseline", None, BASELINES),
        ("new", 3, []),
    ]
    delete_from_log(log, VIDEO_SNAPSHOTS, before)
    delete_from_log(log, CHANNEL_SNAPSHOTS, before)
    with psycopg.connect(log.settings.dsn, autocommit=True) as connection:
        connection.execute("UPDATE projections SET version = 0")  # of an earlier release: anew
    with log.projecting(videos, channels):
        log.await_applied(videos)
        log.await_applied(channels)
    assert everything(log) == live


BASELINES = [
    {
        "format": "short",
        "age_from_h": 6,
        "n": 3,
        "median_log10_views": 2.0,
        "mad_log10_views": 0.5,
        "scale_log10": 0.75,
        "df": 8.0,
    }
]


def channel(name: str, subscribers: int) -> dict[str, Any]:
    return {
        "event_id": f"{name}#{subscribers}",
        "occurred_at": START,
        "channel_id": name,
        "title": None,
        "subscribers": subscribers,
        "views": None,
        "videos": None,
    }


def baseline(name: str) -> dict[str, Any]:
    return {
        "channel_id": name,
        "as_of": START,
        "snapshots": 7,
        "baselines": BASELINES,
        "applied_offset": 7,
        "generation": 1,
    }


def received_until_now(log: Log) -> dt.datetime:
    """An instant by the broker's clock (which is ours): all that was published is before it."""
    time.sleep(0.005)
    instant = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=1)
    time.sleep((instant - dt.datetime.now(dt.UTC)).total_seconds() + 0.005)
    return instant


def delete_from_log(log: Log, original: Topic, before: dt.datetime) -> None:
    """As retention does: the beginning of every partition, up to the first record not before."""
    topic = log.topic(original)
    consumer = Consumer({**log.settings.kafka_config(), "group.id": "tests"})
    try:
        wanted = [
            TopicPartition(topic.name, n, int(before.timestamp() * 1000)) for n in log.ends(topic)
        ]
        found = consumer.offsets_for_times(wanted, timeout=60)
        ends = log.ends(topic)
        for place in found:
            place.offset = ends[place.partition] if place.offset < 0 else place.offset
        for answer in log.admin.delete_records(found).values():
            answer.result()
    finally:
        consumer.close()


def everything(log: Log) -> list[list[tuple[Any, ...]]]:
    return [
        log.rows(f"SELECT t::text FROM {name} AS t ORDER BY 1")
        for names in TABLES.values()
        for name in names
    ]
