"""Files into the log and back, on real servers."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from infra.dead_letters.box import Letter, Letterbox
from infra.dead_letters.listing import described, summary
from infra.ingest.formats import open_feed
from infra.ingest.publishing import Report, publish_batches
from infra.lag import bounds, log_view, topic_sizes
from infra.provision import provision
from infra.replay import ReplayError
from infra.replay.files import write as replay
from infra.settings import Settings
from schemas.catalogue import CHANNEL_SNAPSHOTS, ENGAGEMENT
from schemas.chunks import Chunk
from schemas.codec import Codec
from schemas.deadletters import dead_letter
from schemas.personal.keys import PersonKeys
from schemas.personal.sealer import Sealer
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.topic import Topic
from streams.columnar.kafka.log import LogReadError, slices


@pytest.fixture
def settings(stack_settings: Settings) -> Settings:
    provision(stack_settings)
    return stack_settings


@pytest.fixture
def publisher(settings: Settings) -> Iterator[Publisher]:
    registry = Registry(settings.registry_config())
    keys = PersonKeys(settings.dsn, settings.personal_data_secrets)
    with closing(registry), keys:
        kafka, sealer = settings.kafka_config(), Sealer(keys)
        yield Publisher(kafka, Codec(registry), source="test", sealer=sealer)


@pytest.fixture
def channel(unique) -> str:
    """A key of this test alone: the topics are shared by all tests of the run."""
    return unique("channel")


def snapshots(directory: Path, channel: str, count: int) -> Path:
    path = directory / "channels.csv"
    rows = [f"2026-05-{1 + n % 28:02}T{n // 28:02}:00:00Z,{channel},T,{n},,1" for n in range(count)]
    path.write_text(
        "\n".join(["date_utc,channel_id,channel_title,subscribers,views,videos", *rows])
    )
    return path


def publish(path: Path, publisher: Publisher) -> Report:
    return publish_batches(open_feed(path).batches, publisher)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ndjson", "csv.gz", "ndjson.gz"])
def test_what_was_ingested_comes_back(
    settings: Settings, publisher: Publisher, channel: str, tmp_path: Path, suffix: str
) -> None:
    report = publish(snapshots(tmp_path, channel, 50), publisher)
    out = tmp_path / f"out.{suffix}"

    result = replay(settings, CHANNEL_SNAPSHOTS, out, key=channel)

    assert (report.published, result.rows, result.rejected) == (50, 50, 0)
    readers = {"parquet": pl.read_parquet, "csv": pl.read_csv, "ndjson": pl.read_ndjson}
    frame = readers[suffix.removesuffix(".gz")](out)
    assert frame["subscribers"].to_list() == list(range(50))
    assert frame["views"].null_count() == 50
    assert frame["channel_id"].unique().to_list() == [channel]
    assert frame["_offset"].is_sorted()
    assert frame.columns[-3:] == ["_partition", "_offset", "_timestamp"]


def test_a_replayed_file_can_be_ingested_again(
    settings: Settings, publisher: Publisher, channel: str, tmp_path: Path
) -> None:
    publish(snapshots(tmp_path, channel, 3), publisher)
    out = tmp_path / "out.parquet"
    replay(settings, CHANNEL_SNAPSHOTS, out, key=channel)

    feed = open_feed(out, "events", topic=CHANNEL_SNAPSHOTS)
    report = publish_batches(feed.batches, publisher)
    again = replay(settings, CHANNEL_SNAPSHOTS, out, key=channel)

    assert (feed.rows, report.published, again.rows) == (3, 3, 6)
    assert pl.read_parquet(out)["event_id"].n_unique() == 3


def test_a_replay_can_be_cut_by_the_time_the_log_received_events(
    settings: Settings, publisher: Publisher, channel: str, tmp_path: Path
) -> None:
    path, out = snapshots(tmp_path, channel, 2), tmp_path / "out.parquet"
    publish(path, publisher)
    between = dt.datetime.now(dt.UTC) + dt.timedelta(milliseconds=5)
    time.sleep(0.01)  # the log's clock is in milliseconds
    publish(snapshots(tmp_path, channel, 3), publisher)

    def rows(**limits: dt.datetime) -> int:
        return replay(settings, CHANNEL_SNAPSHOTS, out, key=channel, **limits).rows

    day = dt.timedelta(days=1)
    assert rows(until=between) == 2
    assert rows(since=between) == 3
    assert rows(since=between - day, until=between + day) == 5
    assert rows(since=between + day) == 0
    assert rows(until=between - day) == 0


def test_records_that_cannot_be_read_are_counted_with_their_coordinates(
    settings: Settings, publisher: Publisher, channel: str, tmp_path: Path
) -> None:
    publish(snapshots(tmp_path, channel, 2), publisher)
    publisher._producer.produce(CHANNEL_SNAPSHOTS.name, b"\x07rubbish", channel)
    publisher._producer.produce(CHANNEL_SNAPSHOTS.name, None, channel)
    publisher.flush()

    result = replay(settings, CHANNEL_SNAPSHOTS, tmp_path / "out.csv", key=channel)

    assert (result.records, result.rows, result.rejected, result.tombstones) == (4, 2, 1, 1)
    assert result.first_rejects[0].startswith(f"{CHANNEL_SNAPSHOTS.name}/")
    assert "no schema id" in result.first_rejects[0]


def test_a_replay_into_an_unknown_kind_of_file_is_refused(
    settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ReplayError, match=r"\.parquet, \*\.csv, \*\.csv\.gz, "):
        replay(settings, ENGAGEMENT, tmp_path / "out.xlsx")


def test_a_topic_that_is_not_there_is_said(settings: Settings, unique) -> None:
    name = unique("absent")
    with pytest.raises(LogReadError, match=name):
        slices(settings.kafka_config(), name)


def test_ingesting_events_leaves_nothing_behind_when_all_are_bad(
    settings: Settings, publisher: Publisher, channel: str, tmp_path: Path
) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text(json.dumps({"event_id": "", "occurred_at": "2026-05-01", "video_id": channel}))

    report = publish(path, publisher)

    assert (report.published, report.rejected) == (0, 1)
    assert replay(settings, ENGAGEMENT, tmp_path / "out.csv", key=channel).records == 0


def bad_engagement(settings: Settings, publisher: Publisher, video: str) -> Topic:
    """Two dead letters of one record, as two readers would send them, and one of another."""
    good = {
        "event_id": "e1",
        "occurred_at": dt.datetime(2026, 5, 1, tzinfo=dt.UTC),
        "video_id": video,
        "channel_id": "c",
        "viewer_id": "u",
        "kind": "view",
    }
    offset = int(video[-7:], 16)
    values = [publisher.codec.encode(ENGAGEMENT, good), b"\xff\xfe"]
    chunk = Chunk(ENGAGEMENT.name, 0, [offset, offset + 1], [0, 0], [b"k", None], values, [(), ()])
    publisher.send_dead_letters(
        [
            dead_letter(chunk, 0, reason=f"broken {video}", component="virality"),
            dead_letter(chunk, 0, reason=f"broken {video}", component="projector"),
            dead_letter(chunk, 1, reason=f"undecodable {video}", component="virality"),
        ]
    )
    publisher.flush()
    return ENGAGEMENT


def found_letters(settings: Settings, video: str) -> list[Letter]:
    return list(Letterbox(settings.kafka_config(), ENGAGEMENT).letters(reason=video))


def test_a_record_that_two_components_refused_is_one_dead_letter(
    settings: Settings, publisher: Publisher, unique
) -> None:
    video = unique("video")
    topic = bad_engagement(settings, publisher, video)

    broken, undecodable = found_letters(settings, video)

    assert [one.component for one in broken.refusals] == ["virality", "projector"]
    assert [one.reason for one in undecodable.refusals] == [f"undecodable {video}"]
    assert broken.place is not None
    assert broken.record == f"{topic.name}/0/{broken.place.offset}"
    assert broken.key == b"k"
    assert topic.name in [one["topic"] for one in summary(settings)]


def test_a_dead_letter_is_shown_as_its_event_or_as_its_bytes(
    settings: Settings, publisher: Publisher, unique
) -> None:
    video = unique("video")
    topic = bad_engagement(settings, publisher, video)

    readable, unreadable = described(settings, topic, found_letters(settings, video))

    assert readable["event"]["video_id"] == video
    assert readable["key"] == "k"
    assert [one["component"] for one in readable["refusals"]] == ["virality", "projector"]
    assert (unreadable["bytes"], unreadable["hex"]) == (2, "ff fe")


def test_topic_sizes_are_what_the_log_holds(
    settings: Settings, publisher: Publisher, channel: str, tmp_path: Path
) -> None:
    def size() -> int:
        kafka = settings.kafka_config()
        with closing(log_view(kafka)) as view:
            sizes = {one["name"]: one for one in topic_sizes(bounds(view, kafka))}
        assert sizes[CHANNEL_SNAPSHOTS.name]["partitions"] == CHANNEL_SNAPSHOTS.partitions
        events = sizes[CHANNEL_SNAPSHOTS.name]["events"]
        assert isinstance(events, int)
        return events

    before = size()
    publish(snapshots(tmp_path, channel, 7), publisher)

    assert size() >= before + 7  # other tests may publish at the same time
