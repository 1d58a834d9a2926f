"""From topics to tables, with real servers."""

from __future__ import annotations

import datetime as dt

from projections.channels import CHANNELS
from projections.videos import VIDEOS
from schemas.catalogue import CHANNEL_SNAPSHOTS, OUTLIER_BASELINES, VIDEO_SNAPSHOTS, VIDEO_UPLOADS
from tests.integration.projections.conftest import START, Log, snapshot, upload


def test_a_video_has_its_uploads_words_and_its_newest_counts(log: Log) -> None:
    videos = log.projection(VIDEOS)
    log.publish(VIDEO_SNAPSHOTS, snapshot("v", 10, 1), snapshot("v", 30, 3, duration_s=12))
    log.publish(VIDEO_UPLOADS, upload("v", tags=['a"b', "c\\d", "", "e,{f}"], category="Music"))
    with log.projecting(videos):
        log.await_applied(videos)
    assert log.rows("SELECT title, tags, category, duration_s, views, snapshots FROM videos") == [
        ("Upload v", ['a"b', "c\\d", "", "e,{f}"], "Music", 12, 30, 2)
    ]


def test_a_video_known_from_snapshots_only_has_a_row(log: Log) -> None:
    videos = log.projection(VIDEOS)
    log.publish(VIDEO_SNAPSHOTS, snapshot("v", None, 1, title='Line\nand, "quotes"'))
    with log.projecting(videos):
        log.await_applied(videos)
    assert log.rows("SELECT title, views, snapshots, uploaded_at FROM videos") == [
        ('Line\nand, "quotes"', None, 1, None)
    ]


def test_a_late_older_snapshot_adds_to_the_history_only(log: Log) -> None:
    videos = log.projection(VIDEOS)
    with log.projecting(videos):
        log.publish(VIDEO_SNAPSHOTS, snapshot("v", 50, 5))
        log.await_applied(videos)
        log.publish(VIDEO_SNAPSHOTS, snapshot("v", 20, 2, title="Old title"))
        log.await_applied(videos)
    hour = dt.timedelta(hours=1)
    assert log.rows(
        "SELECT title, views, snapshots, first_observed_at, last_observed_at FROM videos"
    ) == [("Title of v", 50, 2, START + 2 * hour, START + 5 * hour)]
    assert log.rows("SELECT views FROM video_observations ORDER BY observed_at") == [(20,), (50,)]


def test_an_event_published_twice_is_one_observation(log: Log) -> None:
    videos = log.projection(VIDEOS)
    with log.projecting(videos):
        log.publish(VIDEO_SNAPSHOTS, snapshot("v", 50, 5), snapshot("v", 50, 5))
        log.await_applied(videos)
        log.publish(VIDEO_SNAPSHOTS, snapshot("v", 50, 5))
        log.await_applied(videos)
    assert log.rows("SELECT views, snapshots FROM videos") == [(50, 1)]


def test_a_channel_has_its_newest_counts_and_the_furthest_baselines(log: Log) -> None:
    channels = log.projection(CHANNELS)
    log.publish(
        CHANNEL_SNAPSHOTS,
        *(
            {
                "event_id": f"{hours}",
                "occurred_at": START + dt.timedelta(hours=hours),
                "channel_id": "c",
                "title": f"at {hours}",
                "subscribers": hours,
                "views": None,
                "videos": 3,
            }
            for hours in (1, 9, 4)
        ),
    )
    log.publish(
        OUTLIER_BASELINES,
        *(
            {
                "channel_id": "c",
                "as_of": START,
                "snapshots": applied,
                "baselines": [
                    {
                        "format": "short",
                        "age_from_h": 6,
                        "n": applied,
                        "median_log10_views": 3.5,
                        "mad_log10_views": 0.25,
                        "scale_log10": 0.5,
                        "df": 9.0,
                    }
                ],
                "days": [{"day": START, "tests": applied}],
                "applied_offset": applied,
                "generation": 1,
            }
            for applied in (7, 12, 9)
        ),
    )
    with log.projecting(channels):
        log.await_applied(channels)
    assert log.rows(
        "SELECT title, subscribers, views, videos, snapshots, baselines FROM channels"
    ) == [
        (
            "at 9",
            9,
            None,
            3,
            3,
            [
                {
                    "format": "short",
                    "age_from_h": 6,
                    "n": 12,
                    "median_log10_views": 3.5,
                    "mad_log10_views": 0.25,
                    "scale_log10": 0.5,
                    "df": 9.0,
                }
            ],
        )
    ]
