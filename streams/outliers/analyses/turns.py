"""One turn of a run: an entry of the queue, from its state to what comes of it."""

from __future__ import annotations

import datetime as dt
import random

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from streams.decisions.decider import Refused
from streams.decisions.execution import Decision
from streams.decisions.store import ConflictError
from streams.outliers.analyses import commands
from streams.outliers.analyses.analysis_commands import (
    AnalysisCommand,
    AwaitAnswer,
    AwaitQuota,
    BeginTurn,
    Fail,
)
from streams.outliers.analyses.events import AnalysisEvent
from streams.outliers.analyses.state import Analysis
from streams.outliers.analyses.steps import Steps
from streams.outliers.analyses.titles import storable
from streams.outliers.youtube.errors import QuotaExhaustedError, RefusedError, UnavailableError
from streams.outliers.youtube.quota import counted
from streams.outliers.youtube.source import Source

_LONGEST = 1_000  # characters of another's words

log = structlog.get_logger()


class Turns:
    """Makes turns of any run, any number at once: they share nothing but the source."""

    def __init__(self, pool: AsyncConnectionPool, source: Source) -> None:
        self._pool = pool
        self._source = source

    async def make(self, analysis_id: str, turn: int) -> None:
        """Make a turn, if it is still to be made.

        Raises:
            psycopg.Error, ConflictError: the story cannot be read or written: call again.
        """
        story = _Story(self._pool, analysis_id)
        facts = {"analysis_id": analysis_id, "turn": turn}
        try:
            state = await story.record(BeginTurn(_now(), turn))
            if state.turn == turn:  # else its step is over already, and the next has an entry
                await self._step(story, state)
        except Refused as refused:
            # Called off, or another worker was first; whatever is left to do has its own entry.
            log.info("turn of an analysis left", reason=refused.reason, code=refused.code, **facts)

    async def _step(self, story: _Story, state: Analysis) -> None:
        turn = state.turn
        with counted() as units:
            steps = Steps(self._source, story.record, lambda: units.spent)
            wish: AnalysisCommand
            try:
                await steps.make(state)
                return
            except QuotaExhaustedError as error:
                wish = AwaitQuota(_now(), turn, _said(error), error.resets_at, steps.units())
            except UnavailableError as error:
                seed = random.getrandbits(32)
                wish = AwaitAnswer(_now(), turn, _said(error), seed, steps.units())
            except RefusedError as error:
                wish = Fail(_now(), turn, f"YouTube refused: {_said(error)}")
            except psycopg.DataError as error:
                # The same answer would be refused again, however often the queue brought it back.
                log.exception("answer cannot be stored", analysis_id=story.analysis_id)
                wish = Fail(
                    _now(),
                    turn,
                    f"step {state.step}: PostgreSQL takes no such answer: {_said(error)}",
                )
            except (Refused, ConflictError, psycopg.Error):
                raise
            except Exception as error:
                log.exception("step of an analysis broke down", analysis_id=story.analysis_id)
                wish = Fail(_now(), turn, f"step {state.step} broke down: {type(error).__name__}")
        await story.record(wish)


class _Story:
    """A run as this turn knows it."""

    def __init__(self, pool: AsyncConnectionPool, analysis_id: str) -> None:
        self._pool = pool
        self._known: Decision[Analysis, AnalysisEvent] | None = None
        self.analysis_id = analysis_id

    async def record(self, command: AnalysisCommand) -> Analysis:
        """Decide a command; answers the state after it.

        Raises:
            Refused: the run has gone on without this turn.
        """
        async with self._pool.connection() as conn:
            self._known = await commands.decide(conn, self.analysis_id, command, known=self._known)
        return self._known.state


def _said(error: Exception) -> str:
    """An error's words, which may be a server's, as the store can hold them."""
    return storable(str(error))[:_LONGEST]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
