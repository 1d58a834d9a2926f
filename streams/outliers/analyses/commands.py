"""What can be asked of analyses, each with everything that must happen together with it.

All of it runs on the caller's connection, within the caller's transaction if there is one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from procrastinate.jobs import Job as Entry
from psycopg import AsyncConnection

from streams.decisions import execution
from streams.decisions.decider import Refused
from streams.decisions.execution import Besides, Decision, Effect
from streams.outliers.analyses import queue
from streams.outliers.analyses.analysis import ANALYSES
from streams.outliers.analyses.analysis_commands import (
    AnalysisCommand,
    CancelAnalysis,
    StartAnalysis,
)
from streams.outliers.analyses.events import (
    AnalysisEvent,
    AnalysisRequested,
    Cancelled,
    Paused,
    StepStarted,
)
from streams.outliers.analyses.request import AnalysisRequest
from streams.outliers.analyses.state import Analysis
from streams.outliers.content import content
from streams.work_queue.entries import defer_all, withdraw


class UnknownAnalysisError(LookupError):
    """Nobody ever asked for that analysis."""


async def start(
    conn: AsyncConnection[Any],
    *,
    analysis_id: str,
    user_id: str,
    request: AnalysisRequest,
    at: dt.datetime | None = None,
) -> Analysis:
    """Ask for an analysis with the content as it is now, and queue it, in one transaction.

    Args:
        at: when it was asked for; the time window ends then. None is now.

    Returns:
        The analysis as it is then.

    Raises:
        Refused: one of that id was asked for before (code `exists`).
    """
    async with conn.transaction():
        present = (await content.current(conn)).content
        command = StartAnalysis(at or _now(), analysis_id, user_id, request, present)
        return (await decide(conn, analysis_id, command)).state


async def cancel(conn: AsyncConnection[Any], analysis_id: str, reason: str) -> Analysis:
    """Call an analysis off: one that waits never runs, one that runs stops soon.

    Returns:
        The analysis as it is then.

    Raises:
        UnknownAnalysisError: there is no such analysis.
        Refused: it has ended already (code `ended`).
    """
    try:
        return (await decide(conn, analysis_id, CancelAnalysis(_now(), reason))).state
    except Refused as refused:
        if refused.code == "unknown":
            raise UnknownAnalysisError(f"there is no analysis {analysis_id}") from None
        raise


async def decide(
    conn: AsyncConnection[Any],
    analysis_id: str,
    command: AnalysisCommand,
    *,
    known: Decision[Analysis, AnalysisEvent] | None = None,
) -> Decision[Analysis, AnalysisEvent]:
    """Decide a command and queue or withdraw the run's turns, in one transaction.

    Args:
        known: how the analysis was seen last, see `execution.execute`.

    Raises:
        Refused: see [`AnalysisDecider`][streams.outliers.analyses.analysis.AnalysisDecider].
    """
    return await execution.execute(
        conn, ANALYSES, analysis_id, command, known=known, besides=_work(analysis_id)
    )


async def look(conn: AsyncConnection[Any], analysis_id: str) -> Decision[Analysis, AnalysisEvent]:
    """An analysis as it is now, in the form that `decide` takes as `known`."""
    return await execution.look(conn, ANALYSES, analysis_id)


async def states(conn: AsyncConnection[Any], analysis_ids: Iterable[str]) -> dict[str, Analysis]:
    """The present states of those analyses that exist, by id: the truth, ahead of projections."""
    return await execution.states(conn, ANALYSES, analysis_ids)


def _work(analysis_id: str) -> Besides[Analysis, AnalysisEvent]:
    """What a decision does to the work queue."""

    def besides(decision: Decision[Analysis, AnalysisEvent]) -> Effect | None:
        entry = _entry(analysis_id, decision)
        cancelled = any(isinstance(event, Cancelled) for event in decision.events)
        if entry is None and not cancelled:
            return None

        async def change(conn: AsyncConnection[Any]) -> None:
            if entry is not None:
                await defer_all(conn, [entry])
            if cancelled:
                await withdraw(conn, queue.lock_of(analysis_id, decision.state.turn))

        return change

    return besides


def _entry(analysis_id: str, decision: Decision[Analysis, AnalysisEvent]) -> Entry | None:
    """The queue's entry of the turn that the events end with, if they began one."""
    turn = decision.state.turn
    match [event for event in decision.events if _begins_turn(event)]:
        case []:
            return None
        case [*_, Paused() as paused]:
            return queue.entry(analysis_id, turn, at=paused.resumes_at)
        case _:
            return queue.entry(analysis_id, turn)


def _begins_turn(event: AnalysisEvent) -> bool:
    match event:
        case AnalysisRequested() | Paused():
            return True
        case StepStarted():
            return event.step > 1
        case _:
            return False


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
