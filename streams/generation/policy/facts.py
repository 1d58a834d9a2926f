"""What the tables know of videos that events call for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import Any

import polars as pl
import psycopg
import structlog
from psycopg import AsyncConnection

from streams.generation.policy.ledger import SQL
from streams.generation.policy.sources import FACTS

WITHIN_SECONDS = 1.5  # an event of a new video can be here before its row in the table
IMPATIENT_SECONDS = 60.0  # without waiting, after waiting in vain: a projector may be away
_PAUSE_SECONDS = 0.1

_SCHEMA = pl.Schema(
    {"video_id": pl.String(), **dict.fromkeys(FACTS, pl.String()), "duration_s": pl.Int64()}
)

log = structlog.get_logger()


class Facts:
    """Looks videos up in the projection `videos`."""

    def __init__(self) -> None:
        self._patient_from = 0.0

    async def of(self, conn: AsyncConnection[Any], ids: Collection[str]) -> pl.DataFrame:
        """Columns video_id and those of `FACTS`, a row for each video that is known.

        Waits a moment for videos that are not, but not again and again.
        """
        wanted = list(dict.fromkeys(ids))
        deadline = time.monotonic() + WITHIN_SECONDS
        while True:
            found = await _rows(conn, wanted)
            now = time.monotonic()
            if len(found) == len(wanted) or now < self._patient_from:
                return found
            if now > deadline:
                self._patient_from = now + IMPATIENT_SECONDS
                log.warning("rules judge videos of which nothing is known", videos=len(wanted))
                return found
            await asyncio.sleep(_PAUSE_SECONDS)


def facts_statement() -> bytes:
    """Asks for the facts of the videos `ids`."""
    return SQL["facts"]


def facts_frame(rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """What the statement answers, as columns."""
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


async def _rows(conn: AsyncConnection[Any], ids: list[str]) -> pl.DataFrame:
    try:
        async with conn.transaction():  # a savepoint: the caller's transaction goes on
            rows = await (await conn.execute(facts_statement(), {"ids": ids})).fetchall()
    except psycopg.errors.UndefinedTable:
        rows = []  # the projector has never run here
    return facts_frame(rows)
