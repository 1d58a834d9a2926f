"""The drift of the model that serves, out of the tables, looked at anew every now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import polars as pl

from api.database import Database
from streams.virality.drift.alarm import JUDGED, Drift, drift_of

MOST_JUDGED = 20_000  # the newest actuals that are watched
FRESH_S = 30.0  # for so long an answer stands: actuals come by the hour


class Drifting:
    """Says how the errors of a model have changed.

    Args:
        version: of the model that serves.
    """

    def __init__(self, database: Database, version: Callable[[], str]) -> None:
        self._database = database
        self._version = version
        self._found: tuple[str, Drift] | None = None
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def of_serving(self) -> tuple[str, Drift]:
        """The version that serves, and its drift.

        Raises:
            psycopg.Error, PoolTimeout: the tables are away.
        """
        async with self._asking:  # one looks, the others have its answer
            version = self._version()
            if self._found is None or self._found[0] != version or time.monotonic() > self._until:
                asked = {"version": version, "most": MOST_JUDGED}
                rows = await self._database.all("models.judged", asked)
                judged = pl.DataFrame(rows, schema=JUDGED, orient="row")
                self._found = version, await asyncio.to_thread(drift_of, judged)
                self._until = time.monotonic() + FRESH_S
            return self._found
