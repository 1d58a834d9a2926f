"""Read your own writes: a read that waits until the tables hold what stands at a position.

A projection says how far it has applied its own topics. Figures that an agent makes of a topic
carry the offset they contain (`applied_offset`), and are waited for by that.
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import Depends, Query

from api.database import Database
from api.errors import ApiError
from projections.positions import NotReadError, wait_for
from schemas.publisher import Position

DEFAULT_WAIT_MS = 2_000
LONGEST_WAIT_MS = 30_000
_PAUSE_SECONDS = 0.05


class AtLeast:
    """What a read asks of the tables before it is answered.

    Attributes:
        position: what they must hold; None when the read takes them as they are.
        wait_ms: how long to wait for that.
    """

    def __init__(self, position: Position | None, wait_ms: int) -> None:
        self.position = position
        self.wait_ms = wait_ms

    async def of(self, database: Database, projection: str) -> None:
        """Wait for a projection.

        Raises:
            ApiError: 400: the projection does not read that topic. 503: not within `wait_ms`.
        """
        if self.position is None:
            return
        try:
            done = await wait_for(
                database.pool, projection, self.position, timeout_s=self.wait_ms / 1000
            )
        except NotReadError as error:
            raise ApiError(400, "POSITION_NOT_READ", str(error)) from None
        if not done:
            raise self._not_yet()

    async def of_offset(self, database: Database, statement: str, key: str) -> None:
        """Wait until the newest offset that a named statement answers is at least the position's.

        Args:
            statement: one row with `applied_offset`; takes `id`.
        """
        if self.position is None:
            return
        deadline = time.monotonic() + self.wait_ms / 1000
        while True:
            row = await database.one(statement, {"id": key})
            applied = None if row is None else row["applied_offset"]
            if applied is not None and applied >= self.position.offset:
                return
            if time.monotonic() >= deadline:
                raise self._not_yet()
            await asyncio.sleep(_PAUSE_SECONDS)

    def _not_yet(self) -> ApiError:
        return ApiError(
            503,
            "POSITION_NOT_REACHED",
            f"the tables do not hold {self.position} after {self.wait_ms} ms; ask again",
            details={"position": str(self.position), "waited_ms": self.wait_ms},
            headers={"Retry-After": "1"},
        )


async def at_least(
    min_position: Annotated[
        str | None,
        Query(
            pattern=r"^[A-Za-z0-9._-]{1,249}/[0-9]{1,9}/[0-9]{1,18}$",
            description="X-Event-Position of a write that the answer must contain: "
            "topic/partition/offset.",
        ),
    ] = None,
    wait_ms: Annotated[
        int, Query(ge=0, le=LONGEST_WAIT_MS, description="How long to wait for it.")
    ] = DEFAULT_WAIT_MS,
) -> AtLeast:
    """What a request asks for. A coroutine: others cost a thread.

    Raises:
        ApiError: 422: it is no position.
    """
    try:
        return AtLeast(None if min_position is None else Position.parse(min_position), wait_ms)
    except ValueError as error:
        raise ApiError(
            422,
            "VALIDATION_ERROR",
            f"validation error: query.min_position: {error}",
            details={"errors": [{"path": "query.min_position", "reason": str(error)}]},
        ) from None


MinPosition = Annotated[AtLeast, Depends(at_least)]
