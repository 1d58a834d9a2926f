"""The topic of watched channels as it was read, whoever wrote it."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import pytest

from schemas.catalogue import WATCHED_CHANNELS
from schemas.chunks import Chunk
from schemas.codec import Codec
from streams.outliers.watching.watched import WatchedLog

CHANNEL = "UC" + "a" * 22
AT = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)


class Told:
    """Decodes a record's number as the event of that number."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = events

    def decode(self, topic: object, value: bytes, headers: object) -> dict[str, Any]:
        return self.events[int(value)]


def wanted(channel_id: str, **facts: Any) -> dict[str, Any]:
    given = {"channel_id": channel_id, "title": None, "watched": True, "requested_by": "cli"}
    return {**given, "occurred_at": AT, **facts}


def read(*events: dict[str, Any]) -> WatchedLog:
    log = WatchedLog(cast(Codec, Told(*events)))
    count = len(events)
    values = [str(number).encode() for number in range(count)]
    log.take(
        Chunk(
            WATCHED_CHANNELS.name,
            0,
            range(count),
            [0] * count,
            [b"k"] * count,
            values,
            [()] * count,
        )
    )
    return log


@pytest.mark.parametrize(
    "wrong", ["", "x", f"{CHANNEL},{CHANNEL}", CHANNEL + "\0", "UC" + "ä" * 22, CHANNEL + "\n"]
)
def test_what_is_no_id_is_not_watched_and_the_others_are(wrong: str) -> None:
    assert set(read(wanted(wrong), wanted(CHANNEL)).channels()) == {CHANNEL}


def test_texts_are_such_as_every_store_takes() -> None:
    log = read(wanted(CHANNEL, title="a\0b\ud800", requested_by="\0me"))
    assert log.channels()[CHANNEL] == (CHANNEL, "ab?", AT, "me")
    assert read(wanted(CHANNEL, title="\0")).channels()[CHANNEL].title == CHANNEL


def test_a_channel_that_is_no_more_watched_goes() -> None:
    assert read(wanted(CHANNEL), wanted(CHANNEL, watched=False)).channels() == {}
