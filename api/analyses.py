"""Outlier analyses: asked for, called off, and found wherever they have got to.

An analysis is a row of the projection. For the moment that the relay and the projector take it
stands only in the store of decisions: so a client that asks at once is not told "unknown".
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
from pydantic import TypeAdapter

from api.commanding import connect
from api.database import Row
from api.errors import ApiError, not_found
from api.services import Services
from api.shapes.analyses import Result, Summary
from api.users import Asker
from schemas.publisher import new_event_id
from streams.decisions.decider import Refused
from streams.outliers.analyses import commands
from streams.outliers.analyses.request import AnalysisRequest
from streams.outliers.analyses.state import Analysis

SETTLE_SECONDS = 2.0  # that a write waits for the tables, so that a list read has it too
_PAUSE_SECONDS = 0.03
_FROM_KEY = uuid.UUID("5d3f8f0e-6b0f-4a55-9e86-2f6b8a8c1d43")  # namespace of ids made from keys

_RESULTS = TypeAdapter(list[Result])

ENDED = frozenset({"completed", "failed", "cancelled"})


async def start(
    here: Services, who: Asker, request: AnalysisRequest, idempotency_key: str | None
) -> Row:
    """Ask for an analysis; the same user's same key is the same analysis.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    analysis_id = (
        new_event_id()
        if idempotency_key is None
        else str(uuid.uuid5(_FROM_KEY, f"{who.name}\n{idempotency_key}"))
    )
    async with await connect(here) as connection:
        try:
            state = await commands.start(
                connection, analysis_id=analysis_id, user_id=who.name, request=request
            )
        except Refused as refused:
            if refused.code != "exists":
                raise
            state = (await commands.states(connection, [analysis_id]))[analysis_id]
    return await _settled(here, analysis_id, lambda row: True) or _of_state(analysis_id, state)


async def cancel(here: Services, who: Asker, analysis_id: str, reason: str) -> Row:
    """Call an analysis off.

    Raises:
        ApiError: 404: nobody asked for it. 403: it is another's. 400: it has ended.
    """
    who.hold_change((await open_to(here, who, analysis_id))["user_id"], "analysis")
    try:
        async with await connect(here) as connection:
            state = await commands.cancel(connection, analysis_id, reason)
    except commands.UnknownAnalysisError:
        raise not_found("analysis", analysis_id) from None
    except Refused as refused:
        raise ApiError(
            400, "ILLEGAL_STEP", refused.reason, details={"reason": refused.code}
        ) from None
    settled = await _settled(here, analysis_id, lambda row: row["state"] in ENDED)
    return settled or _of_state(analysis_id, state)


async def open_to(here: Services, who: Asker, analysis_id: str) -> Row:
    """An analysis as a row of `analyses`, for one who may see it.

    Raises:
        ApiError: 404: nobody asked for it, or another user did. 403: another user did, and who asks
            speaks for this one.
    """
    row = await find(here, analysis_id)
    if row is not None and who.may_see(row["user_id"]):
        return row
    if row is not None and who.is_spokesman:
        raise ApiError(403, "FORBIDDEN", "only its owner may see an analysis")
    raise not_found("analysis", analysis_id)


async def find(here: Services, analysis_id: str) -> Row | None:
    """An analysis as a row of `analyses`, wherever it has got to; None when nobody asked for it."""
    try:
        row = await here.database.one("analyses.one", {"id": analysis_id})
    except psycopg.errors.UndefinedTable:
        row = None  # no projector has ever run here
    return row or await _truth(here, analysis_id)


async def outcome(here: Services, analysis_id: str) -> dict[str, Any]:
    """What an analysis came to, as the API shows it: `results` and `summary`."""
    row = await here.database.one("analyses.one", {"id": analysis_id})
    if row is None or row["state"] != "completed":
        return {}
    return {
        "results": [one.model_dump(mode="json", by_alias=True) for one in results_of(row)],
        "summary": summary_of(row).model_dump(mode="json", by_alias=True),
    }


def results_of(row: Row) -> list[Result]:
    """The results of a completed analysis, best first."""
    try:
        return _RESULTS.validate_python(json.loads(row["results"] or "[]"))
    except ValueError:
        raise _unreadable(row["analysis_id"], "results") from None


def summary_of(row: Row) -> Summary:
    """The summary of a completed analysis."""
    try:
        return Summary.model_validate(json.loads(row["summary"] or "{}"))
    except ValueError:
        raise _unreadable(row["analysis_id"], "summary") from None


def request_of(row: Row) -> dict[str, Any]:
    """What was asked for, without the content; producers of other makes may have sent anything."""
    try:
        found = json.loads(row["request"] or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _unreadable(analysis_id: str, what: str) -> ApiError:
    return ApiError(
        500,
        "UNREADABLE_RESULTS",
        f"the {what} of analysis {analysis_id} in the log are not of this version's shape",
        details={"analysisId": analysis_id},
    )


async def _settled(here: Services, analysis_id: str, done: Callable[[Row], bool]) -> Row | None:
    """The analysis's row once it is as wanted; None when that takes too long."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            row = await here.database.one("analyses.one", {"id": analysis_id})
        except psycopg.Error:
            return None  # the write is done all the same: reads say what is wrong
        if row is not None and done(row):
            return row
        if time.monotonic() > deadline:
            return None
        await asyncio.sleep(_PAUSE_SECONDS)


async def _truth(here: Services, analysis_id: str) -> Row | None:
    async with await connect(here) as connection:
        try:
            states = await commands.states(connection, [analysis_id])
        except psycopg.errors.UndefinedTable:
            return None  # no process that decides has ever run here
        except psycopg.DataError:
            return None  # a NUL: no id has one
    state = states.get(analysis_id)
    return None if state is None or state.request is None else _of_state(analysis_id, state)


def _of_state(analysis_id: str, state: Analysis) -> Row:
    """The row that the projection will have of a state, but for times, which no state keeps."""
    asked, exclusion, result = state.asked, state.exclusion, state.result
    paused = state.status == "paused"
    return {
        "analysis_id": analysis_id,
        "version": 0,
        "state": str(state.status),
        "user_id": state.user_id,
        "request": asked.model_dump_json(),
        "step": state.step or None,
        "message": None,
        "progress": state.progress,
        "games": list(exclusion.games) if exclusion is not None else None,
        "competitors": exclusion.channels if exclusion is not None else None,
        "unresolved": list(exclusion.unresolved) if exclusion is not None else None,
        "reason": state.error if paused or state.status == "cancelled" else None,
        "resumes_at": None,
        "error": state.error if state.status == "failed" else None,
        "summary": result.summary if result is not None else None,
        "results": result.results if result is not None else None,
        "requested_at": asked.requested_at,
        "started_at": None,
        "finished_at": None,
        "updated_at": dt.datetime.now(dt.UTC),
        "channels": len(state.channels or ()),
        "analyzed": len(state.analyzed),
    }
