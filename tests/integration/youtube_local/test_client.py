"""The real client library against the local server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from tests.fix_youtube import YouTubeLocal


@pytest.fixture
def key(youtube_local: YouTubeLocal) -> str:
    return youtube_local.new_key()


@pytest.fixture
def connect(youtube_local: YouTubeLocal) -> Iterator[Callable[[str | None], Any]]:
    opened: list[Any] = []

    def connect(key: str | None) -> Any:
        options = {"api_endpoint": youtube_local.endpoint}
        client = build("youtube", "v3", developerKey=key, client_options=options)
        opened.append(client)
        return client

    yield connect
    for client in opened:
        client.close()


def test_a_search_finds_channels(connect: Callable[[str], Any], key: str) -> None:
    answer = (
        connect(key)
        .search()
        .list(part="snippet", q="family gaming funny moments", type="channel", maxResults=50)
        .execute()
    )

    assert len(answer["items"]) == 50
    assert {item["id"]["kind"] for item in answer["items"]} == {"youtube#channel"}
