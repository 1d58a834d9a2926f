"""When data expires: never too late, never after the log has deleted it, the same all day."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    OUTLIER_CHANNEL_VIEWS,
    TOPICS,
    VIDEO_SNAPSHOTS,
    VIRALITY_CHANNELS,
    YOUTUBE_RETENTION_DAYS,
)
from schemas.expiries import data_expired, last_expired
from schemas.topic import SEGMENT, dead_letter_config

DAY = dt.timedelta(days=1)
NOW = st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2027, 1, 1)).map(
    lambda time: time.replace(tzinfo=dt.UTC)
)


@given(NOW, st.integers(2, 400))
def test_tables_let_go_before_the_log_does_and_both_before_the_days_are_over(
    now: dt.datetime, days: int
) -> None:
    before = last_expired(now, days)
    assert before.time() == dt.time(0)
    log_begins = now - (days * DAY - SEGMENT)  # the youngest record that retention may delete
    assert before > log_begins
    assert now - before > (days - 2) * DAY


@given(NOW)
def test_what_is_not_over_never_expires(now: dt.datetime) -> None:
    assert last_expired(now, 1) <= now


@given(NOW, st.integers(2, 60))
def test_a_day_says_the_same_all_day(now: dt.datetime, days: int) -> None:
    said = {last_expired(now + n * dt.timedelta(hours=1), days) for n in range(24)}
    assert len(said) <= 2


def test_the_same_instant_is_the_same_event() -> None:
    midnight = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    elsewhere = midnight.astimezone(dt.timezone(dt.timedelta(hours=5)))
    ids = {data_expired(time)["event_id"] for time in (midnight, midnight, elsewhere)}
    assert len(ids) == 1
    assert data_expired(midnight + DAY)["event_id"] not in ids


def test_the_log_keeps_no_snapshot_and_no_letter_longer_than_promised() -> None:
    day_ms = 24 * 3600 * 1000
    for config in (VIDEO_SNAPSHOTS.config(), CHANNEL_SNAPSHOTS.config(), dead_letter_config()):
        longest = int(config["retention.ms"]) + int(config["segment.ms"])
        assert longest == YOUTUBE_RETENTION_DAYS * day_ms
    assert {topic for topic in TOPICS.values() if topic.expires} == {
        VIDEO_SNAPSHOTS,
        CHANNEL_SNAPSHOTS,
        VIRALITY_CHANNELS,
        OUTLIER_CHANNEL_VIEWS,
    }


def test_rows_of_raw_data_are_compacted_and_deleted_too_unless_it_is_one_s_own() -> None:
    config = VIRALITY_CHANNELS.config()
    assert config["cleanup.policy"] == "compact,delete"
    assert int(config["retention.ms"]) + int(config["segment.ms"]) <= 30 * 24 * 3600 * 1000
    own = replace(VIRALITY_CHANNELS, retention_days=None).config()
    assert (own["cleanup.policy"], "retention.ms" in own) == ("compact", False)
