"""Server-sent events of real tables: resumed on another process, and let go of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from schemas.catalogue import CHANNEL_SNAPSHOTS
from tests.integration.api.conftest import KEY, Api, moment, serving

PATH = "/api/v1/live?topics=channels"


@contextmanager
def stream(url: str, last: str | None = None) -> Iterator[Iterator[tuple[str, str, Any]]]:
    """The events of a stream: id, or the last one before; name; data."""
    headers = {"X-API-Key": KEY} | ({} if last is None else {"Last-Event-ID": last})

    def events(lines: Iterator[str]) -> Iterator[tuple[str, str, Any]]:
        identity, name = last or "", ""
        for line in lines:
            field, _, value = line.partition(": ")
            if field == "id":
                identity = value
            elif field == "event":
                name = value
            elif field == "data":
                yield identity, name, json.loads(value)

    with (
        httpx.Client(base_url=url, headers=headers, timeout=60) as client,
        client.stream("GET", PATH) as answer,
    ):
        assert answer.status_code == 200
        yield events(answer.iter_lines())


def fold(api: Api, channel: str) -> None:
    facts = {"title": "t", "subscribers": 1, "views": 2, "videos": 3}
    event = {"event_id": channel, "occurred_at": moment(), "channel_id": channel, **facts}
    api.fold("channels", CHANNEL_SNAPSHOTS, event)


def test_a_stream_goes_on_without_a_gap_on_another_process_and_after_a_restart(api: Api) -> None:
    fold(api, "before")
    with stream(api.url) as events:
        identity, name, data = next(events)
        assert (name, data["resumed"]) == ("hello", False)
        fold(api, "told")
        identity, name, told = next(events)
        assert (name, told["projection"]) == ("projection", "channels")
        assert told["rows"] in (1, 2)  # what came just before the stream may be told with it
    fold(api, "missed")
    with serving(api.settings, api.models) as url, stream(url, identity) as events:
        _, name, data = next(events)
        assert (name, data["resumed"]) == ("hello", True)
        identity, name, missed = next(events)
        assert (name, missed["topic"]) == ("projection", CHANNEL_SNAPSHOTS.name)
        assert missed["next_offset"] == told["next_offset"] + 1
    with serving(api.settings, api.models) as url, stream(url, identity) as events:
        _, name, data = next(events)
        assert (name, data["resumed"]) == ("hello", True)
        fold(api, "next")
        _, name, following = next(events)
        assert following["next_offset"] == missed["next_offset"] + 1
