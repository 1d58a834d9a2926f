"""A process is killed at any instant: events and rows agree, and nothing is half done."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import psycopg
import pytest

from tests.integration.identity.agreement import accounts, disagreements

_PROCESSES = 3
_MODULE = "tests.integration.identity.a_life"


def events(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM decision_events").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("rounds", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_whoever_is_killed_leaves_events_and_rows_that_agree(tables: str, rounds: int) -> None:
    chance = random.Random(rounds)
    for _ in range(rounds):
        command = [sys.executable, "-m", _MODULE, tables]
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(_PROCESSES)]
        try:
            while running:
                enough = events(tables) + chance.randrange(5, 40)
                while events(tables) < enough:  # in the middle of their work
                    assert all(one.poll() is None for one in running), "one ended by itself"
                    time.sleep(0.02)
                time.sleep(chance.uniform(0, 0.05))
                struck = running.pop(0)
                struck.kill()
                struck.wait()
        finally:
            for one in running:
                one.kill()
                one.wait()
    lived = accounts(tables)
    assert len(lived) > 1
    assert disagreements(tables) == []
    with psycopg.connect(tables, autocommit=True) as connection:
        # That the search finds what is wrong: an account whose rows are gone, and a session.
        connection.execute(
            "DELETE FROM identity_sessions WHERE session_id IN"
            " (SELECT session_id FROM identity_sessions LIMIT 1)"
        )
        user = next(one for one, state in lived.items() if state.status.exists)
        connection.execute("DELETE FROM identity_users WHERE user_id = %s", [user])
    assert disagreements(tables) != []
