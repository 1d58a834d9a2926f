"""A topic as a lazy frame, on real servers."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.replay import ReplayError, replay
from infra.replay.files import write
from infra.settings import Settings
from schemas.errors import UnknownTopicError
from schemas.frames import FrameDecoder
from schemas.topic import Topic
from streams.columnar.kafka import log
from streams.columnar.kafka.log import LogReadError
from streams.columnar.kafka.partitioner import partitions_of
from tests.chaos.independent import messages
from tests.integration.columnar.topics import Feed, create, source_topic

PARTITIONS = 2


@pytest.fixture
def topic(stack_settings: Settings, unique: Callable[[str], str]) -> Topic:
    topic = source_topic(unique("engagement"), PARTITIONS)
    create(stack_settings, topic)
    return topic


@pytest.fixture
def feed(stack_settings: Settings, topic: Topic) -> Feed:
    return Feed(stack_settings, topic)


@pytest.fixture
def lazily(stack_settings: Settings, topic: Topic) -> Callable[..., pl.LazyFrame]:
    return lambda **options: replay(topic, settings=stack_settings, **options)


def positions(frame: pl.DataFrame) -> list[tuple[int, int]]:
    return frame.select("_partition", "_offset").rows()


def logged(settings: Settings, topic: Topic) -> list[tuple[int, int]]:
    """Partition and offset of every record, as confluent-kafka reads them."""
    found = messages(settings, topic.name, PARTITIONS)
    return sorted((m.partition(), m.offset()) for m in found)  # type: ignore[type-var]


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_it_has_every_event_in_the_order_of_the_log(
    stack_settings: Settings, topic: Topic, feed: Feed, lazily: Any, engine: Any
) -> None:
    feed.events(3000)

    frame = lazily().collect(engine=engine)

    assert positions(frame) == logged(stack_settings, topic)
    assert frame.columns[0] == "event_id"
    assert frame.columns[-3:] == ["_partition", "_offset", "_timestamp"]


def test_its_end_is_fixed_when_it_is_made(feed: Feed, lazily: Any) -> None:
    feed.events(100)
    frame = lazily()
    feed.events(100)

    first, second = frame.collect(), frame.collect()

    assert first.equals(second)
    assert first["event_id"].n_unique() == 100
    assert lazily().select(pl.col("event_id").n_unique()).collect().item() == 200


def test_a_topic_without_records_has_columns(lazily: Any) -> None:
    frame = lazily().collect()

    assert frame.height == 0
    assert frame.schema == lazily().collect_schema()


def test_only_the_columns_of_the_query_are_decoded(
    feed: Feed, lazily: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.events(500)
    asked: list[set[str]] = []
    plain = FrameDecoder.decode

    def watched(self: FrameDecoder, chunk: Any) -> Any:
        asked.append(set(self.schema))
        return plain(self, chunk)

    monkeypatch.setattr(FrameDecoder, "decode", watched)
    counted = lazily().filter(pl.col("watch_ms") > 30_000).group_by("country").len().collect()

    assert counted["len"].sum() > 0
    assert asked
    assert {"country", "watch_ms"} <= asked[0]
    assert not asked[0] & {"device", "session_id", "source"}


def test_filter_and_head_give_what_they_give_of_the_whole(feed: Feed, lazily: Any) -> None:
    feed.events(2000)
    whole = lazily().collect()
    long = pl.col("watch_ms") > 30_000

    assert lazily().filter(long).collect().equals(whole.filter(long))
    assert lazily().head(7).collect().equals(whole.head(7))
    assert lazily().head(70).filter(long).collect().equals(whole.head(70).filter(long))
    assert lazily().filter(long).head(70).collect().equals(whole.filter(long).head(70))
    assert lazily().select("kind", "video_id").collect().equals(whole.select("kind", "video_id"))
    assert lazily().filter(long).select("kind").collect().equals(whole.filter(long).select("kind"))
    assert lazily().select(pl.len()).collect().item() == whole.height
    both = lazily().join(lazily(), on=["_partition", "_offset"])
    assert both.select(pl.len()).collect().item() == whole.height


def test_a_head_stops_reading_and_leaves_no_thread(
    feed: Feed, lazily: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streams.columnar.kafka import reading

    monkeypatch.setattr(reading, "_FETCH_BYTES", 1000)
    for _ in range(10):
        feed.events(500)
    read: list[int] = []
    plain = FrameDecoder.decode

    def watched(self: FrameDecoder, chunk: Any) -> Any:
        read.append(len(chunk))
        return plain(self, chunk)

    monkeypatch.setattr(FrameDecoder, "decode", watched)
    before = {thread for thread in threading.enumerate() if thread.name.startswith("fetch")}

    assert lazily().head(5).collect().height == 5

    assert sum(read) < 2500
    after = {thread for thread in threading.enumerate() if thread.name.startswith("fetch")}
    assert after <= before


def test_what_cannot_be_used_is_left_out_whatever_is_selected(feed: Feed, lazily: Any) -> None:
    feed.events(50)
    good = lazily().select(pl.len()).collect().item()
    feed.raw(b"v1", b"poison")
    feed.raw(b"v1", None)
    [event] = lazily().head(1).collect().to_dicts()
    feed.events(50, repeat=1000)

    frame = lazily().collect()

    assert event["event_id"]
    assert good == 51
    assert frame.height == good + 51
    assert lazily().select("_offset").collect().height == frame.height
    assert lazily().select(pl.len()).collect().item() == frame.height


def test_a_slice_of_time(stack_settings: Settings, feed: Feed, lazily: Any) -> None:
    feed.events(100)
    time.sleep(0.01)
    between = dt.datetime.now(dt.UTC)
    time.sleep(0.01)
    feed.events(200)

    before, after = lazily(until=between).collect(), lazily(since=between).collect()

    assert before["_timestamp"].max() < between <= after["_timestamp"].min()  # type: ignore[operator]
    assert positions(pl.concat([before, after]).sort("_partition", "_offset")) == positions(
        lazily().collect()
    )
    # Without a zone it is UTC, also as text.
    assert lazily(since=between.replace(tzinfo=None)).collect().height == after.height
    assert lazily(since=between.replace(tzinfo=None).isoformat()).collect().height == after.height
    assert lazily(since=between, until=between + dt.timedelta(days=1)).collect().equals(after)


def test_a_key_is_looked_for_in_its_own_partition_alone(
    stack_settings: Settings, topic: Topic, feed: Feed, lazily: Any, tmp_path: Path
) -> None:
    feed.events(500)
    home = int(partitions_of(["v1"], PARTITIONS)[0])
    whole = lazily().filter(pl.col("video_id") == "v1").collect()

    found = lazily(key="v1").collect()

    assert found.height > 0
    assert found.equals(whole)
    assert found["_partition"].unique().to_list() == [home]
    result = write(stack_settings, topic, tmp_path / "v1.csv", key="v1")
    assert (result.records, result.rows, result.stranger) == (found.height, found.height, None)


def test_a_producer_with_another_partitioner_is_noticed(
    stack_settings: Settings, topic: Topic, feed: Feed, lazily: Any, tmp_path: Path
) -> None:
    feed.events(20)
    home = int(partitions_of(["v1"], PARTITIONS)[0])
    value = some_value(stack_settings, topic)
    away = next(f"k{n}" for n in range(99) if partitions_of([f"k{n}"], PARTITIONS)[0] != home)
    for partition in range(PARTITIONS):
        feed.raw(away.encode(), value, partition=partition)
        feed.raw(b"v1", value, partition=partition)
    feed.flush()

    result = write(stack_settings, topic, tmp_path / "v1.csv", key="v1", partitions=[home])

    assert result.stranger == away
    everywhere = lazily(key="v1", partitions=range(PARTITIONS)).collect()
    assert everywhere["_partition"].unique().sort().to_list() == list(range(PARTITIONS))


def some_value(settings: Settings, topic: Topic) -> bytes:
    return next(value for m in messages(settings, topic.name, PARTITIONS) if (value := m.value()))


def test_only_some_partitions(feed: Feed, lazily: Any) -> None:
    feed.events(200)

    assert (
        lazily(partitions=[1])
        .collect()
        .equals(lazily().filter(pl.col("_partition") == 1).collect())
    )
    with pytest.raises(LogReadError, match="has no partition 7; it has 0, 1"):
        lazily(partitions=[1, 7])


def test_only_what_is_committed_and_an_aborted_end_is_an_end(
    stack_settings: Settings, topic: Topic, feed: Feed, lazily: Any
) -> None:
    feed.events(100)
    value = some_value(stack_settings, topic)
    whole = lazily().collect()

    with Transaction(stack_settings, topic) as transaction:
        transaction.send(value, 5)
        open_now = lazily()
        transaction.end(commit=False)
        aborted = lazily()
        inside = dt.datetime.now(dt.UTC)
        time.sleep(0.01)
        transaction.begin()
        transaction.send(value, 3)
        transaction.end(commit=True)
        committed = lazily()

    assert open_now.collect().equals(whole)
    assert aborted.collect().equals(whole)
    assert lazily(until=inside).collect().equals(whole)
    assert committed.select(pl.len()).collect().item() == whole.height + 3
    assert lazily(since=inside).select(pl.len()).collect().item() == 3


class Transaction:
    """Records in a transaction, begun at once."""

    def __init__(self, settings: Settings, topic: Topic) -> None:
        options = {"transactional.id": topic.name, "log_level": 0}
        self._producer = Producer({**settings.kafka_config(), **options})
        self._topic = topic

    def __enter__(self) -> Transaction:
        self._producer.init_transactions(30)
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.flush(30)

    def begin(self) -> None:
        self._producer.begin_transaction()

    def send(self, value: bytes, count: int) -> None:
        for _ in range(count):
            self._producer.produce(self._topic.name, value, b"v1", partition=1)
        self._producer.flush(30)

    def end(self, *, commit: bool) -> None:
        if commit:
            self._producer.commit_transaction(30)
        else:
            self._producer.abort_transaction(30)


def test_records_that_retention_removed_meanwhile_are_missed(
    stack_settings: Settings, topic: Topic, feed: Feed, lazily: Any
) -> None:
    feed.events(200)
    frame = lazily()
    admin = AdminClient(stack_settings.kafka_config())
    for done in admin.delete_records([TopicPartition(topic.name, 1, 20)]).values():
        done.result()

    with pytest.raises(LogReadError, match=rf"{topic.name}/1 has no offset 0 any more: retention"):
        frame.collect()
    assert lazily(partitions=[1]).select(pl.col("_offset").min()).collect().item() == 20


def test_what_is_wrong_is_said_when_the_frame_is_made(
    stack_settings: Settings, topic: Topic, lazily: Any, unique: Callable[[str], str]
) -> None:
    with pytest.raises(UnknownTopicError, match="no topic is called 'views'"):
        replay("views", settings=stack_settings)
    absent = source_topic(unique("absent"))
    with pytest.raises(LogReadError, match=f"{absent.name} cannot be read"):
        replay(absent, settings=stack_settings)
    with pytest.raises(ReplayError, match="'yesterday' is no time"):
        lazily(since="yesterday")
    with pytest.raises(ReplayError, match="the end is not later"):
        lazily(since="2026-05-02", until="2026-05-01")


def test_a_broker_that_is_away_is_said(
    stack_settings: Settings, topic: Topic, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_ANSWER_S", 0.5)
    nobody = stack_settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})

    with pytest.raises(LogReadError, match=f"{topic.name} cannot be read"):
        replay(topic, settings=nobody)
