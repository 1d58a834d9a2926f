"""A local Data API for tests: one per worker, everything in it kept apart by key."""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from infra.embedded.ports import next_free
from infra.youtube_local.accounts import Accounts
from infra.youtube_local.app import create_app
from infra.youtube_local.simulated import SimulatedWorld

_START_TIMEOUT = 30.0  # seconds


class YouTubeLocal:
    """A running server, and what is true of its world.

    Attributes:
        endpoint: for `client_options={"api_endpoint": ...}`.
        world: what it serves; ask it with `now(key)`.
    """

    def __init__(self, endpoint: str, world: SimulatedWorld, accounts: Accounts) -> None:
        self.endpoint = endpoint
        self.world = world
        self._accounts = accounts
        self._http = httpx.Client(base_url=endpoint, trust_env=False)

    def new_key(self) -> str:
        """A key that nobody else uses: what it spends and suffers is its own."""
        return f"test-{uuid.uuid4().hex}"

    def now(self, key: str | None = None) -> dt.datetime:
        """The server's time, as this key is shown it."""
        return self._accounts.now(key)

    def faults(self, kind: str, calls: int = 1, *, key: str | None = None, **more: Any) -> None:
        """Let the next calls of a key (or, without one, of everybody) go wrong.

        `kind` is server_error (with `status`), rate_limit, cut, garbled, hang (with `seconds`) or
        quota; `path`, such as "videos", spares the other lists.
        """
        asked = {"kind": kind, "calls": calls, "key": key, **more}
        self._http.post("/_local/faults", json=asked).raise_for_status()

    def calm(self, key: str | None = None) -> None:
        """No more faults."""
        params = {} if key is None else {"key": key}
        self._http.delete("/_local/faults", params=params).raise_for_status()

    def spent(self, key: str) -> int:
        """Units that a key has spent today (Pacific)."""
        found: int = self.account(key)["spent"]
        return found

    def account(self, key: str) -> dict[str, Any]:
        """spent, limit, day, and calls by list."""
        answer = self._http.get("/_local/quota", params={"key": key}).raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def quota(self, key: str, *, limit: int | None = None, spent: int | None = None) -> None:
        """Give a key another limit, or let it have spent something."""
        asked = {"key": key, "limit": limit, "spent": spent}
        self._http.post("/_local/quota", json=asked).raise_for_status()

    def clock(
        self, key: str, *, at: dt.datetime | None = None, ahead: dt.timedelta = dt.timedelta()
    ) -> None:
        """Let time stand still at a moment for a key, or go ahead of the real one."""
        asked = {
            "key": key,
            "at": None if at is None else at.isoformat(),
            "ahead_seconds": ahead.total_seconds(),
        }
        self._http.post("/_local/clock", json=asked).raise_for_status()

    def close(self) -> None:
        """Give up the connection."""
        self._http.close()


@pytest.fixture(scope="session")
def youtube_local() -> Iterator[YouTubeLocal]:
    """A server that speaks the Data API, on loopback, in a thread of this process."""
    world, accounts = SimulatedWorld(), Accounts()
    port = next_free(0)
    config = uvicorn.Config(
        create_app(world, accounts),
        host="127.0.0.1",
        port=port,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="youtube-local", daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_TIMEOUT
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            pytest.fail("the local Data API does not start", pytrace=False)
        time.sleep(0.01)
    local = YouTubeLocal(f"http://127.0.0.1:{port}", world, accounts)
    yield local
    local.close()
    server.should_exit = True
    thread.join()
