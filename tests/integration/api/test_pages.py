"""Lists that are walked page by page, while others write."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.api.conftest import Api

Make = Callable[[str], str]
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Listed:
    """One list: where it is, what a row of it is, and what its items are called."""

    path: str
    table: str
    identity: str  # column
    row: str  # further columns and their values
    name: str = "id"
    items: str = "items"
    limit: str = "limit"

    @property
    def insert(self) -> str:
        columns, _, values = self.row.partition(" = ")
        return (
            f"INSERT INTO {self.table} ({self.identity}, {columns}) VALUES (%(id)s, {values})"
            " ON CONFLICT DO NOTHING"
        )


_COUNTS = (
    "views, likes, dislikes, comments, shares, saves, impressions, watch_ms, views_1h, views_6h,"
    " views_24h, views_7d, unique_viewers, score, velocity, acceleration, burst_z, applied_offset,"
    " log_offset"
)
LISTS = {
    "jobs": Listed(
        "/api/v1/jobs?userId={mine}",
        "jobs",
        "job_id",
        "version, status, user_id, queued_at, updated_at = 1, 'queued', %(mine)s, %(at)s, now()",
        items="jobs",
        limit="take",
    ),
    "analyses": Listed(
        "/api/v1/outlier/list?state=queued",
        "analyses",
        "analysis_id",
        "version, state, request, requested_at, updated_at = 1, 'queued', '{}', %(at)s, now()",
        items="analyses",
    ),
    "predictions": Listed(
        "/api/v1/predictions?category={mine}",
        "predictions",
        "prediction_id",
        "made_at, category, title, request, predicted_views, lower, upper, model_version"
        " = %(at)s, %(mine)s, 't', '{}', 1, 1, 1, 'm'",
        name="prediction_id",
    ),
    "videos": Listed(
        "/api/v1/videos?channel_id={mine}",
        "videos",
        "video_id",
        "channel_id, published_at = %(mine)s, %(at)s",
        name="video_id",
    ),
    "channels by id": Listed(
        "/api/v1/channels?sort=channel_id",
        "channels",
        "channel_id",
        "subscribers = %(size)s",
        name="channel_id",
    ),
    "channels by subscribers": Listed(
        "/api/v1/channels?sort=subscribers",
        "channels",
        "channel_id",
        "subscribers = %(size)s",
        name="channel_id",
    ),
    "what is going viral": Listed(
        "/api/v1/virality/top?window=6h",
        "virality_scores",
        "video_id",
        f"channel_id, as_of, model_version, reasons, rank_6h, {_COUNTS}"
        f" = 'c', now(), 'm', '{{}}', %(rank)s, {', '.join('1' for _ in _COUNTS.split(','))}",
        name="video_id",
    ),
    "niches": Listed(
        "/api/v1/outliers/niches?sort=niche_id",
        "outlier_niches",
        "niche_id",
        "event_id, occurred_at, terms, channels, videos, median_multiple, first_seen, open,"
        " log_offset"
        " = 'e', %(at)s, '{}', '{}', '{}', 2, %(at)s, true, 1",
        name="niche_id",
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_no_write_between_pages_hides_an_item_or_shows_one_twice(
    api: Api, unique: Make, name: str
) -> None:
    listed, mine = LISTS[name], unique("mine")
    chance = random.Random(name)
    made = 0

    def add(connection: psycopg.Connection[Any], many: int) -> set[str]:
        nonlocal made
        ids = set()
        for _ in range(many):
            made += 1
            # Few instants and sizes, so that many are equal; ids fall anywhere.
            row = {
                "id": f"{chance.choice('aZ0_')}-{mine}-{made}",
                "mine": mine,
                "at": START + dt.timedelta(minutes=chance.randrange(6)),
                "size": chance.choice([None, 0, 5, 5, 70]),
                "rank": float(chance.randrange(5)),
            }
            connection.execute(listed.insert, row)
            ids.add(row["id"])
        return ids

    path = listed.path.format(mine=mine)
    with psycopg.connect(api.settings.dsn, autocommit=True) as connection:
        before, removed = add(connection, 24), set()
        seen: list[str] = []
        cursor = ""
        while True:
            page = _page(api.client, f"{path}&{listed.limit}=5{cursor}")
            seen += [item[listed.name] for item in page[listed.items]]
            following = page.get("nextCursor", page.get("next_cursor"))
            if following is None:
                break
            cursor = f"&cursor={following}"
            if len(seen) < 60:
                add(connection, 3)
                gone = chance.choice(sorted(before))
                removed.add(gone)
                statement = f"DELETE FROM {listed.table} WHERE {listed.identity} = %s"
                connection.execute(statement, (gone,))
    ours = [one for one in seen if mine in one]
    assert len(ours) == len(set(ours))
    assert before - removed <= set(ours)


def test_a_cursor_of_one_list_is_none_of_another(api: Api, unique: Make) -> None:
    with psycopg.connect(api.settings.dsn, autocommit=True) as connection:
        for _ in range(2):
            row = {"id": unique("c"), "size": 1}
            connection.execute(LISTS["channels by id"].insert, row)
    found = _page(api.client, "/api/v1/channels?limit=1")
    for other in ("/api/v1/videos?", "/api/v1/channels?sort=channel_id&", "/api/v1/jobs?"):
        answer = api.client.get(f"{other}cursor={found['next_cursor']}")
        assert answer.status_code == 400, other


def test_places_of_a_ranking_go_on_behind_a_cursor(api: Api) -> None:
    listed = LISTS["what is going viral"]
    with psycopg.connect(api.settings.dsn, autocommit=True) as connection:
        for number in range(5):
            row = {"id": f"place-{number}", "rank": 1000.0 - number}
            connection.execute(listed.insert, row)
    first = _page(api.client, "/api/v1/virality/top?window=6h&limit=2")
    second = api.client.get(
        "/api/v1/virality/top",
        params={"window": "6h", "limit": 2, "cursor": first["next_cursor"]},
    ).json()
    assert [one["rank"] for one in first["items"] + second["items"]] == [1, 2, 3, 4]
    assert [one["video_id"] for one in second["items"]] == ["place-2", "place-3"]


def _page(client: httpx.Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
