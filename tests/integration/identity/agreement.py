"""Whether the rows beside the log say what the events say."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from streams.decisions.decider import fold
from streams.decisions.store import Recorded, events_of
from streams.identity.account import IDENTITY
from streams.identity.state import Account, Status

_ROWS = """
SELECT user_id, role, tier, suspended,
    (SELECT count(*) FROM identity_emails AS e WHERE e.user_id = u.user_id) AS emails,
    (SELECT count(*) FROM identity_passwords AS p WHERE p.user_id = u.user_id) AS passwords,
    ARRAY(SELECT session_id FROM identity_sessions AS s WHERE s.user_id = u.user_id) AS sessions,
    ARRAY(SELECT key_id FROM identity_keys AS k WHERE k.user_id = u.user_id) AS keys,
    ARRAY(SELECT confirmed FROM identity_totp AS t WHERE t.user_id = u.user_id) AS totp,
    (SELECT count(*) FROM identity_backup_codes AS b WHERE b.user_id = u.user_id) AS codes
FROM identity_users AS u
"""


def accounts(dsn: str) -> dict[str, Account]:
    """Every account as its events have it."""
    streams: defaultdict[str, list[Recorded]] = defaultdict(list)
    with psycopg.connect(dsn) as conn, conn.cursor(row_factory=class_row(Recorded)) as cursor:
        cursor.execute(
            "SELECT position, domain, stream_id, version, type, body, occurred_at, event_id"
            " FROM decision_events WHERE domain = 'identity' ORDER BY stream_id, version"
        )
        for row in cursor:
            streams[row.stream_id].append(row)
    return {
        user_id: fold(IDENTITY, events_of(IDENTITY, recorded), IDENTITY.initial)
        for user_id, recorded in streams.items()
    }


def disagreements(dsn: str) -> list[str]:
    """What is not as the events say, one line each."""
    with psycopg.connect(dsn) as conn, conn.cursor(row_factory=dict_row) as cursor:
        rows = {row["user_id"]: row for row in cursor.execute(_ROWS)}
    states = {one: state for one, state in accounts(dsn).items() if state.status.exists}
    found = [f"{one}: events or rows alone" for one in rows.keys() ^ states.keys()]
    for user_id in rows.keys() & states.keys():
        said, there = _said(states[user_id]), _there(rows[user_id])
        found += [
            f"{user_id}: {name} is {there[name]}, not {said[name]}"
            for name in said
            if said[name] != there[name]
        ]
    return found


def _said(state: Account) -> dict[str, Any]:
    return {
        "role": state.role,
        "tier": state.tier,
        "suspended": state.status is Status.SUSPENDED,
        "emails": 1,
        "passwords": 1,
        "sessions": sorted(state.sessions),
        "keys": sorted(state.keys),
        "totp": state.two_factor,
        "codes": state.two_factor,
    }


def _there(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("role", "tier", "suspended", "emails", "passwords")},
        "sessions": sorted(row["sessions"]),
        "keys": sorted(row["keys"]),
        "totp": row["totp"] == [True],
        "codes": row["codes"] > 0,
    }
