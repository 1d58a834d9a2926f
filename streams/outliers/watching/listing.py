"""The watched channels as a list: what the log wants, and what the poller did about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from infra.settings import Settings
from schemas.registry import Registry
from streams.outliers.watching.store import listed
from streams.outliers.watching.watch import GONE_AFTER
from streams.outliers.watching.watched import Wanted, read_watched


def listing(settings: Settings) -> dict[str, Any]:
    """Every watched channel by title, and what the poller is doing (None: it never ran).

    Raises:
        BehindError: the topic of watched channels cannot be read.
        psycopg.OperationalError: PostgreSQL cannot be reached.
    """
    with closing(Registry(settings.registry_config())) as registry:
        wanted = read_watched(settings, registry)
    rows, poller = listed(settings.dsn)
    return {"channels": joined(wanted, rows, poller), "poller": poller}


def joined(
    wanted: Mapping[str, Wanted], rows: list[dict[str, Any]], poller: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """What is known of each watched channel."""
    known = {row["channel_id"]: row for row in rows}
    goes_on = None if poller is None else poller["goes_on_at"]
    found = [_one(one, known.get(one.channel_id), goes_on) for one in wanted.values()]
    return sorted(found, key=lambda one: (one["title"].casefold(), one["channel_id"]))


def _one(
    wanted: Wanted, row: Mapping[str, Any] | None, goes_on: dt.datetime | None
) -> dict[str, Any]:
    facts = row or {}
    next_look = facts.get("next_look_at")
    if next_look is not None and goes_on is not None:
        next_look = max(next_look, goes_on)
    gone = facts.get("missing", 0) >= GONE_AFTER
    looked = facts.get("looked_at")
    return {
        "channel_id": wanted.channel_id,
        "title": facts.get("title") or wanted.title,
        "watched_since": wanted.at,
        "requested_by": wanted.requested_by,
        "state": "gone" if gone else "" if looked else "soon",
        "last_look": looked,
        "next_look": next_look,
        "videos_followed": facts.get("followed", 0),
        "videos_gone": facts.get("gone_videos", 0),
        "snapshots": facts.get("snapshots", 0),
        "units": facts.get("units", 0.0),
    }
