"""An outlier analysis as a story: its events from a version on."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager

from api import analyses
from api.database import Row
from api.errors import ApiError
from api.services import Services
from api.users import Asker
from api.websockets.credentials import FORBIDDEN, ClosedDoorError
from api.websockets.serving import UNKNOWN, Told, patiently, version
from api.websockets.telling import ENDS, Teller

BATCH = 100  # events read at a time


class AnalysisStory:
    """One analysis's events, in order.

    Args:
        after: version of the last event that the listener got; None: it got none.

    Raises:
        ClosedDoorError: that is no version.
    """

    def __init__(self, analysis_id: str, after: str | None) -> None:
        self._id = analysis_id
        self._last = version(after)
        self._teller: Teller | None = None

    async def admit(self, here: Services, who: Asker) -> None:
        """Let in its owner.

        Raises:
            ClosedDoorError: it is somebody else's, or nobody's.
        """
        row = await patiently(lambda: _found(here, self._id))
        if row is not None and who.may_see(row["user_id"]):
            return
        if row is not None and who.is_spokesman:
            raise ClosedDoorError(FORBIDDEN, "only its owner may listen to an analysis")
        raise ClosedDoorError(UNKNOWN, "no analysis is called that")

    def listening(self, here: Services) -> AbstractContextManager[asyncio.Event]:
        """Wait for its news."""
        return here.analyses.listening(self._id)

    async def told(self, here: Services) -> Told:
        """Its next events."""
        if self._teller is None:
            self._teller = await self._teller_at(here)
        rows = await here.database.all(
            "analyses.story", {"id": self._id, "after": self._last, "most": BATCH}
        )
        ending = rows[-1]["type"] in ENDS if rows else await self._is_over(here)
        outcome = await analyses.outcome(here, self._id) if rows and ending else {}
        events = [self._teller.tell(row, outcome) for row in rows]
        if rows:
            self._last = rows[-1]["version"]
        return Told(events, "the analysis has ended" if ending else "", len(rows) == BATCH)

    async def _is_over(self, here: Services) -> bool:
        """Whether nothing comes any more: the listener had heard the end before."""
        row = await here.database.one("analyses.one", {"id": self._id})
        return row is not None and row["finished_at"] is not None and row["version"] <= self._last

    async def _teller_at(self, here: Services) -> Teller:
        """One that knows how far the run was when the listener went."""
        row = await here.database.one(
            "analyses.progress_at", {"id": self._id, "version": self._last}
        )
        if row is None or row["progress"] is None:
            return Teller(self._id)
        return Teller(self._id, row["step"] or 0, row["progress"])


async def _found(here: Services, analysis_id: str) -> Row | None:
    try:
        return await analyses.find(here, analysis_id)
    except ApiError:
        return None  # an id that the database cannot hold
