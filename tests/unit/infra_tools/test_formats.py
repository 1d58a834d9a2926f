"""Rows of files as events."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from infra.ingest.errors import IngestError
from infra.ingest.formats import detect, open_feed
from infra.ingest.publishing import Report, publish_batches
from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    ENGAGEMENT,
    VIDEO_SNAPSHOTS,
    VIDEO_UPLOADS,
    VIRALITY_SCORES,
)
from tests.unit.infra_tools.recording import RecordingPublisher

MAY = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)


def ingest(path: Path, **options: Any) -> tuple[Report, RecordingPublisher]:
    publisher = RecordingPublisher()
    report = publish_batches(open_feed(path, **options).batches, publisher)
    assert report.published == len(publisher.sent)
    return report, publisher


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    pl.DataFrame(
        {
            "video_id": ["v2", "v1"],
            "channel_id": ["c2", "c1"],
            "channel_title": ["C2", "C1"],
            "title": ["Second", "First"],
            "published_at": [MAY + dt.timedelta(days=1), MAY],
            "category_id": [20, 10],
            "lang": [None, "en"],
            "audio_lang": ["pt-BR", "de"],
            "tags": ["", "a|b"],
        }
    ).write_parquet(tmp_path / "my_videos.parquet")
    path = tmp_path / "my_snapshots.parquet"
    pl.DataFrame(
        {
            "video_id": ["v1", "v2", "v1", "v3"],
            "date": [dt.date(2026, 5, 3)] * 4,
            "views": [300, None, 200, 5],
            "likes": [3, None, 2, 1],
            "comments": [None, 1, 1, 1],
            "captured_at": [
                dt.datetime(2026, 5, 4),
                dt.datetime(2026, 5, 3),
                dt.datetime(2026, 5, 3),
                dt.datetime(2026, 5, 3),
            ],
        }
    ).write_parquet(path)
    return path


def test_a_chart_gives_an_upload_per_video_and_a_snapshot_per_row(chart: Path) -> None:
    report, publisher = ingest(chart)

    assert report.by_topic == {VIDEO_UPLOADS.name: 2, VIDEO_SNAPSHOTS.name: 3}
    first, second, *snapshots = publisher.decoded()
    assert first["video_id"] == "v1"
    assert first["occurred_at"] == first["published_at"] == MAY
    assert (first["category"], first["language"], first["tags"]) == ("10", "en", ["a", "b"])
    assert (first["description"], first["duration_s"]) == (None, None)
    assert (second["language"], second["tags"]) == ("pt-BR", [])
    assert [(s["video_id"], s["views"], s["occurred_at"].day) for s in snapshots] == [
        ("v2", None, 3),
        ("v1", 200, 3),
        ("v1", 300, 4),
    ]
    assert snapshots[1]["title"] == "First"
    assert snapshots[1]["channel_id"] == "c1"
    assert snapshots[1]["published_at"] == MAY


def test_an_observation_of_an_unknown_video_is_a_bad_row(chart: Path) -> None:
    report, _ = ingest(chart)

    assert report.rejected == 1
    assert [str(bad) for bad in report.first_errors] == [
        "my_snapshots.parquet, line 4: video v3 is not in my_videos.parquet"
    ]
    assert report.published + report.rejected == 6  # every row of both files


def test_the_same_file_gives_the_same_event_ids(chart: Path) -> None:
    once = [event["event_id"] for event in ingest(chart)[1].decoded()]
    again = [event["event_id"] for event in ingest(chart)[1].decoded()]

    assert once == again
    assert len(set(once)) == len(once)


def test_a_video_that_stands_twice_in_its_file_does_not_double_its_observations(
    chart: Path,
) -> None:
    videos = chart.with_name("my_videos.parquet")
    frame = pl.read_parquet(videos)
    pl.concat([frame, frame]).write_parquet(videos)

    assert ingest(chart)[0].by_topic[VIDEO_SNAPSHOTS.name] == 3


def test_a_chart_without_its_videos_says_what_is_missing(chart: Path) -> None:
    chart.with_name("my_videos.parquet").unlink()

    with pytest.raises(IngestError, match=r"my_videos\.parquet is not there.*--videos"):
        ingest(chart)


def test_the_videos_of_a_chart_can_be_named(chart: Path) -> None:
    elsewhere = chart.with_name("else.parquet")
    chart.with_name("my_videos.parquet").rename(elsewhere)

    assert ingest(chart, videos_file=elsewhere)[0].published == 5


def test_channels_give_a_snapshot_per_row_at_the_first_instant_of_the_day(tmp_path: Path) -> None:
    path = tmp_path / "channels.csv"
    path.write_text(
        "date_utc,channel_id,channel_title,subscribers,views,videos\n"
        "2026-05-01,c1,One,10,100,3\n"
        "2026-05-02,c1,One,,90,3\n"
    )

    report, publisher = ingest(path)

    assert report.by_topic == {CHANNEL_SNAPSHOTS.name: 2}
    first, second = publisher.decoded()
    assert first["occurred_at"] == MAY
    assert (first["title"], first["subscribers"], first["views"]) == ("One", 10, 100)
    assert second["subscribers"] is None


def test_videos_with_counts_are_snapshots(tmp_path: Path) -> None:
    path = tmp_path / "videos.ndjson"
    row = {
        "snapshot_utc": "2026-05-02T00:26:46.333802+00:00",
        "video_id": "v1",
        "channel_id": "c1",
        "published_at": "2026-05-01T00:00:00Z",
        "title": "T",
        "duration_iso8601": "PT1M1S",
        "category_id": 28,
        "view_count": 7,
        "like_count": None,
    }
    path.write_text(json.dumps(row) + "\n" + json.dumps({**row, "duration_iso8601": "P0D"}))

    report, publisher = ingest(path)

    assert report.by_topic == {VIDEO_SNAPSHOTS.name: 2}
    first, second = publisher.decoded()
    assert (first["duration_s"], first["category"], first["views"]) == (61, "28", 7)
    assert first["occurred_at"].microsecond == 333802
    assert (first["likes"], first["comments"]) == (None, None)
    assert second["duration_s"] is None  # a stream that has no length yet


def test_bad_rows_are_reported_with_line_and_reason_and_good_ones_go_on(tmp_path: Path) -> None:
    path = tmp_path / "channels.csv"
    future = (dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).isoformat()
    path.write_text(
        "captured_at,channel_id,subscribers\n"
        "2026-05-01,c1,1\n"
        "2026-05-01,,1\n"
        "2026-05-01,c1,-1\n"
        "1970-01-01,c1,1\n"
        f"{future},c1,1\n"
        "2026-05-01,c1,many\n"
        "2026-05-02,c2,2\n"
    )

    report, publisher = ingest(path)

    assert [event["channel_id"] for event in publisher.decoded()] == ["c1", "c2"]
    assert report.rejected == 5
    reasons = {bad.line: bad.reason for bad in report.first_errors}
    assert reasons[3] == "channel_id is missing"
    assert reasons[4] == "subscribers is below zero; hidden counts are null"
    assert reasons[5].startswith("occurred_at is before 2005-02-14")
    assert reasons[6].startswith("occurred_at is more than an hour after")
    assert reasons[7] == "subscribers: 'many' is no whole number"


def test_a_wrong_column_is_refused_before_anything_is_published(tmp_path: Path) -> None:
    path = tmp_path / "channels.csv"
    path.write_text("channel,subscribers\nc1,1\n")
    publisher = RecordingPublisher()

    with pytest.raises(IngestError, match=r"channel_id.* is missing; found channel, subscribers"):
        publish_batches(open_feed(path, "channels").batches, publisher)
    assert publisher.sent == []


def engagement(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": "e1",
        "occurred_at": "2026-05-01T00:00:00Z",
        "video_id": "v1",
        "channel_id": "c1",
        "viewer_id": "u1",
        "kind": "view",
        **changes,
    }


def test_events_go_to_engagement_unless_another_topic_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text(json.dumps(engagement()))

    assert ingest(path)[0].by_topic == {ENGAGEMENT.name: 1}
    assert ingest(path, topic=VIDEO_UPLOADS)[0].published == 0


def test_a_bad_event_says_which_field_and_why(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    lines = [
        engagement(),
        engagement(kind="stare"),
        {k: v for k, v in engagement().items() if k != "video_id"},
        engagement(occurred_at="soon"),
        engagement(watch_ms=-1),
        engagement(colour="red"),
        engagement(video_id=None),
    ]
    path.write_text("\n".join(map(json.dumps, lines)))

    report, _ = ingest(path)

    assert report.published == 1
    assert report.rejected == 6
    reasons = {bad.line: bad.reason for bad in report.first_errors}
    assert "kind" in reasons[2] and "stare" in reasons[2]
    assert reasons[3] == "video_id: is missing"
    assert reasons[4].startswith("occurred_at: 'soon' is no time")
    assert reasons[5].startswith("watch_ms is below zero")
    assert "colour" in reasons[6]
    assert "video_id" in reasons[7]


def test_coordinates_that_replay_adds_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text(json.dumps(engagement(_partition=1, _offset=5, _timestamp="x")))

    assert ingest(path)[0].published == 1


def test_a_line_may_name_its_own_topic(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    channel = {
        "_topic": CHANNEL_SNAPSHOTS.name,
        "event_id": "s1",
        "occurred_at": "2026-05-01T00:00:00Z",
        "channel_id": "c1",
    }
    foreign = {**channel, "_topic": VIRALITY_SCORES.name}
    path.write_text("\n".join(map(json.dumps, [engagement(), channel, foreign])))

    report, _ = ingest(path)

    assert report.by_topic == {ENGAGEMENT.name: 1, CHANNEL_SNAPSHOTS.name: 1}
    assert report.first_errors[0].line == 3


def test_events_come_from_csv_too(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    event = engagement(watch_ms="1500", _offset="3")
    path.write_text(",".join(event) + "\n" + ",".join(event.values()) + "\n")

    report, publisher = ingest(path)

    assert report.published == 1
    assert publisher.decoded()[0]["watch_ms"] == 1500


def test_a_column_that_events_do_not_have_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    event = engagement(watch_millis="1500")
    path.write_text(",".join(event) + "\n" + ",".join(event.values()) + "\n")

    with pytest.raises(IngestError, match="has no field watch_millis"):
        ingest(path)


def test_topics_that_agents_write_cannot_be_ingested(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text(json.dumps(engagement()))

    with pytest.raises(IngestError, match="written by Groundswell itself"):
        ingest(path, topic=VIRALITY_SCORES)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("video_id,date,views,likes,comments,captured_at", "chart"),
        ("date_utc,channel_id,channel_title,subscribers,views,videos", "channels"),
        ("video_id,channel_id,title,published_at,view_count,snapshot_utc", "videos"),
        ("event_id,occurred_at,video_id,channel_id,published_at,views", "events"),
    ],
)
def test_a_format_is_known_by_its_columns(tmp_path: Path, columns: str, expected: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{columns}\n{'1,' * columns.count(',')}1\n")

    assert detect(path) == expected


def test_columns_of_no_format_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("colour,size\nred,1\n")

    with pytest.raises(IngestError, match="no format has these columns: colour, size"):
        detect(path)
