"""The top lists: one answer for all who ask for the same while the tables stay as they are.

A list takes a look at every score. Whether the tables have moved takes a look at a few rows, once
for everybody who asks at one moment; an answer is good for as long as they have not, and for
`GOOD_SECONDS` at most, since its figures are brought to the time it was made.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from api.database import Database
from api.scored import scored
from api.shapes.paging import Keyset
from api.shapes.virality import Ranked, Top

GOOD_SECONDS = 1.0
KEPT = 256  # answers
POINTS = 24  # of a sparkline
_BY_STANDING = {
    window: Keyset(f"top {window}", standing=float, video_id=str, place=int)
    for window in ("1h", "6h", "24h", "7d")
}
_PROJECTIONS = ["channels", "videos", "virality"]


class AskedTop(NamedTuple):
    """What a list is of."""

    window: str
    category: str | None
    min_burst: float | None
    limit: int
    offset: int
    cursor: str | None

    def page(self) -> dict[str, Any]:
        """Where it begins: `after`, `after_standing`, `after_video_id`, `after_place`, `offset`.

        Raises:
            ApiError: 422: the cursor is not of this list.
        """
        after = _BY_STANDING[self.window].after(self.cursor)
        return {**after, "offset": 0 if self.cursor else self.offset}


class _Answer(NamedTuple):
    standing: Any  # of the tables when it was begun, or earlier
    made: float  # monotonic
    body: asyncio.Task[bytes]


class TopLists:
    """Answers for the same question of many."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._answers: dict[AskedTop, _Answer] = {}

    async def each(self, asked: Sequence[AskedTop]) -> list[bytes]:
        """`Top` of each as JSON, none older than this call finds the tables."""
        row = await self._database.one("virality.standing", {"names": _PROJECTIONS})
        standing = None if row is None else tuple(row.values())
        different = {one: self._answer(one, standing) for one in asked}
        # One who goes must not take the answer from the others.
        bodies = await asyncio.gather(*map(asyncio.shield, different.values()))
        by_question = dict(zip(different, bodies, strict=True))
        return [by_question[one] for one in asked]

    def _answer(self, asked: AskedTop, standing: Any) -> asyncio.Task[bytes]:
        known, now = self._answers.get(asked), time.monotonic()
        if known and known.standing == standing and now - known.made < GOOD_SECONDS:
            return known.body
        if len(self._answers) >= KEPT:
            self._answers.clear()
        body = asyncio.create_task(top(self._database, asked))
        body.add_done_callback(lambda task: self._drop_failed(asked, task))
        self._answers[asked] = _Answer(standing, now, body)
        return body

    def _drop_failed(self, asked: AskedTop, task: asyncio.Task[bytes]) -> None:
        known = self._answers.get(asked)
        if known and known.body is task and (task.cancelled() or task.exception()):
            del self._answers[asked]


async def top(database: Database, asked: AskedTop) -> bytes:
    """`Top` as JSON."""
    now = dt.datetime.now(dt.UTC)
    statement = "virality.top" if asked.min_burst is None else "virality.bursting"
    page = asked.page()
    found = await database.all(statement, {**asked._asdict(), **page, "now": now})
    rows = [row for row in found if row["video_id"] is not None]
    lines = await database.all(
        "virality.sparklines", {"ids": [row["video_id"] for row in rows], "points": POINTS}
    )
    passed = page["after_place"] if asked.cursor else asked.offset
    for place, row in enumerate(rows, start=passed + 1):
        row["place"] = place
    velocities = {line["video_id"]: line["velocities"] for line in lines}
    items = [
        Ranked(
            **facts,
            rank=row["place"],
            window=asked.window,
            views_in_window=getattr(facts["now"], f"views_{asked.window}"),
            sparkline=velocities.get(row["video_id"], []),
        )
        for row, facts in zip(rows, scored(rows, now), strict=True)
    ]
    found_all = Top(
        window=asked.window,
        as_of=now,
        items=items,
        total=found[0]["total"],
        next_cursor=_BY_STANDING[asked.window].cursor(rows, asked.limit),
    )
    return found_all.model_dump_json().encode()
