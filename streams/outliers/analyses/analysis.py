"""The life of an analysis: what may follow what.

    new      -> queued
    queued   -> running (1 exclusions, 2 discovery, 3 channels, 4 scoring, 5 ranking) -> completed
    running  -> paused -> running
    queued, running, paused -> failed, cancelled

A step that has all it needs is over: the next one begins in the same decision. Every function here
is pure: times and chance come with the command.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import ClassVar, TypeVar

from streams.decisions.decider import Refused, fold
from streams.outliers.analyses.analysis_commands import (
    AnalysisCommand,
    AwaitAnswer,
    AwaitQuota,
    BeginTurn,
    CancelAnalysis,
    Fail,
    RankResults,
    RecordChannels,
    RecordCompetitor,
    RecordScores,
    RecordSearch,
    RecordUploads,
    StartAnalysis,
)
from streams.outliers.analyses.events import (
    AnalysisEvent,
    AnalysisRequested,
    Cancelled,
    ChannelAnalyzed,
    ChannelDiscovered,
    CompetitorRead,
    Completed,
    ExclusionBuilt,
    Failed,
    Paused,
    QuerySearched,
    Resumed,
    StepStarted,
    UploadsListed,
)
from streams.outliers.analyses.ranking import ranked
from streams.outliers.analyses.request import Asked
from streams.outliers.analyses.state import DONE, Analysis, Status

EXCLUSIONS, DISCOVERY, CHANNELS, SCORING, RANKING = range(1, 6)
STARTS = {EXCLUSIONS: 0.0, DISCOVERY: 15.0, CHANNELS: 35.0, SCORING: 60.0, RANKING: 95.0}

WAITS = (5.0, 30.0, 120.0, 600.0)  # seconds until YouTube is asked again, time after time
JITTER = 0.2  # of a wait: runs that were broken off together come back apart
QUOTA_WAITS = 7  # days in a row whose units do not suffice for one call


PartT = TypeVar("PartT", UploadsListed, ChannelAnalyzed)


class AnalysisDecider:
    """The rules; see [`Decider`][streams.decisions.decider.Decider]."""

    domain: ClassVar[str] = "outlier-analyses"
    events: ClassVar[tuple[type[AnalysisEvent], ...]] = (
        AnalysisRequested,
        StepStarted,
        Paused,
        Resumed,
        CompetitorRead,
        ExclusionBuilt,
        QuerySearched,
        ChannelDiscovered,
        UploadsListed,
        ChannelAnalyzed,
        Completed,
        Failed,
        Cancelled,
    )
    initial: ClassVar[Analysis] = Analysis()

    def decide(self, state: Analysis, command: AnalysisCommand) -> list[AnalysisEvent]:
        """What follows from the command; nothing from what is recorded already.

        Raises:
            Refused: with the codes `exists`, `unknown`, `ended`, `stale_turn`, `other_step`.
        """
        if isinstance(command, StartAnalysis):
            if state.status is not Status.NEW:
                raise Refused("exists", f"the analysis was asked for before and is {state.status}")
            return [AnalysisRequested(command.user_id, _asked(command).model_dump_json())]
        if state.status is Status.NEW:
            raise Refused("unknown", "there is no such analysis")
        if state.status.ended:
            raise Refused("ended", f"the analysis is {state.status} already")
        match command:
            case BeginTurn():
                return self._begin(state, command)
            case AwaitQuota():
                return self._wait_for_quota(state, command)
            case AwaitAnswer():
                return self._wait_for_answer(state, command)
            case Fail():
                _hold_turn(state, command.turn)
                return [Failed(command.error)]
            case CancelAnalysis():
                return [Cancelled(command.reason)]
            case _:
                return self._record(state, command)

    def evolve(self, state: Analysis, event: AnalysisEvent) -> Analysis:
        """The state after the event."""
        match event:
            case AnalysisRequested():
                asked = Asked.model_validate_json(event.request)
                return Analysis(Status.QUEUED, asked, event.user_id, turn=1)
            case StepStarted():
                return replace(
                    state,
                    units=state.units + event.units,
                    status=Status.PAUSED if state.status is Status.PAUSED else Status.RUNNING,
                    step=event.step,
                    # The entry of the first turn begins the first step; each other has its own.
                    turn=state.turn + (event.step > EXCLUSIONS),
                    progress=event.progress,
                    channels=(state.channels or ()) if event.step == CHANNELS else state.channels,
                )
            case Paused():
                return replace(
                    state,
                    status=Status.PAUSED,
                    turn=state.turn + 1,
                    stalls=state.stalls_of(event.cause) + 1,
                    cause=event.cause,
                    units=state.units + event.units,
                    error=event.reason,
                )
            case Resumed():
                return replace(state, status=Status.RUNNING, error=None)
            case Completed():
                return replace(
                    state, status=Status.COMPLETED, step=DONE, progress=100.0, result=event
                )
            case Failed():
                return replace(state, status=Status.FAILED, error=event.error)
            case Cancelled():
                return replace(state, status=Status.CANCELLED, error=event.reason)
            case _:
                return _learned(replace(state, stalls=0), event)

    def _begin(self, state: Analysis, command: BeginTurn) -> list[AnalysisEvent]:
        _hold_turn(state, command.turn)
        if state.status is Status.PAUSED:
            return [Resumed()]
        if state.step == 0:
            return self._and_on(state, [_started(state, EXCLUSIONS)])
        return []  # a worker was lost, and this one goes on

    def _record(self, state: Analysis, command: AnalysisCommand) -> list[AnalysisEvent]:
        events: list[AnalysisEvent]
        match command:
            case RecordCompetitor():
                _hold_step(state, EXCLUSIONS)
                new = command.read.name in state.competitors_left
                read = replace(command.read, progress=_progress(state, EXCLUSIONS, 1))
                events = [read] if new else []
            case RecordSearch():
                _hold_step(state, DISCOVERY)
                new = command.searched.query in state.queries_left
                searched = replace(command.searched, progress=_progress(state, DISCOVERY, 1))
                events = [searched] if new else []
            case RecordChannels():
                _hold_step(state, DISCOVERY)
                if state.queries_left:
                    raise Refused("other_step", f"{len(state.queries_left)} searches are to come")
                begun = _started(replace(state, channels=command.suitable), CHANNELS)
                events = [*command.suitable, replace(begun, units=command.units)]
            case RecordUploads():
                _hold_step(state, CHANNELS)
                left = {one.channel_id for one in state.channels_to_list}
                listed = _once(one for one in command.listed if one.channel_id in left)
                events = _parts(state, CHANNELS, listed, command.units)
            case RecordScores():
                _hold_step(state, SCORING)
                left = {one.channel_id for one in state.channels_to_score}
                scored = _once(one for one in command.analyzed if one.channel_id in left)
                events = _parts(state, SCORING, scored, command.units)
            case RankResults():
                _hold_step(state, RANKING)
                return [ranked(state)]
            case _:
                raise AssertionError("every other command is dealt with before")
        return self._and_on(state, events)

    def _and_on(self, state: Analysis, events: list[AnalysisEvent]) -> list[AnalysisEvent]:
        """Those events, and the beginnings of steps that follow at once."""
        if not events:
            return events
        state = fold(self, events, state)
        more: list[AnalysisEvent] = []
        if state.step == EXCLUSIONS and not state.competitors_left:
            more = [_exclusion(state), _started(state, DISCOVERY)]
        elif state.step == CHANNELS and not state.channels_to_list:
            more = [_started(state, SCORING)]
        elif state.step == SCORING and not state.channels_to_score:
            more = [_started(state, RANKING)]
        return [*events, *self._and_on(state, more)]

    def _wait_for_quota(self, state: Analysis, command: AwaitQuota) -> list[AnalysisEvent]:
        _hold_turn(state, command.turn)
        if state.status is Status.PAUSED:
            return []
        stalls = state.stalls_of("quota")
        if stalls >= QUOTA_WAITS:
            return [Failed(f"waited {stalls} times in vain: {command.reason}")]
        resumes_at = max(command.resets_at, command.at)
        return [Paused(command.reason, resumes_at, "quota", command.units)]

    def _wait_for_answer(self, state: Analysis, command: AwaitAnswer) -> list[AnalysisEvent]:
        _hold_turn(state, command.turn)
        if state.status is Status.PAUSED:
            return []
        stalls = state.stalls_of("unavailable")
        if stalls >= len(WAITS):
            return [Failed(f"YouTube did not answer, {stalls + 1} times over: {command.reason}")]
        chance = random.Random(command.seed).uniform(1 - JITTER, 1 + JITTER)
        resumes_at = command.at + dt.timedelta(seconds=WAITS[stalls] * chance)
        return [Paused(command.reason, resumes_at, "unavailable", command.units)]


ANALYSES = AnalysisDecider()


def _asked(command: StartAnalysis) -> Asked:
    return Asked(**command.request.model_dump(), content=command.content, requested_at=command.at)


def _learned(state: Analysis, event: AnalysisEvent) -> Analysis:
    """The state with what the event says of YouTube."""
    match event:
        case CompetitorRead():
            competitors = {**state.competitors, event.name: event}
            return _further(replace(state, competitors=competitors), event)
        case ExclusionBuilt():
            return replace(state, exclusion=event)
        case QuerySearched():
            searches = {**state.searches, event.query: event.channel_ids}
            return _further(replace(state, searches=searches), event)
        case ChannelDiscovered():
            return replace(state, channels=(*(state.channels or ()), event))
        case UploadsListed():
            uploads = {**state.uploads, event.channel_id: event.video_ids}
            refused = state.refused
            if event.refused is not None:
                refused = {**refused, event.channel_id: event.refused}
            return _further(replace(state, uploads=uploads, refused=refused), event)
        case ChannelAnalyzed():
            analyzed = {**state.analyzed, event.channel_id: event}
            return _further(replace(state, analyzed=analyzed), event)
        case _:
            return state


def _further(
    state: Analysis, event: CompetitorRead | QuerySearched | UploadsListed | ChannelAnalyzed
) -> Analysis:
    return replace(state, progress=event.progress, units=state.units + event.units)


def _hold_turn(state: Analysis, turn: int) -> None:
    if state.turn != turn:
        raise Refused("stale_turn", f"turn {turn} is over; it is turn {state.turn}")


def _hold_step(state: Analysis, step: int) -> None:
    if state.step != step:
        raise Refused("other_step", f"the analysis is at step {state.step}, not {step}")


def _exclusion(state: Analysis) -> ExclusionBuilt:
    read = [state.competitors[name] for name in state.asked.competitors]
    found = [one for one in read if one.channel_id is not None]
    return ExclusionBuilt(
        games=tuple(sorted({game for one in read for game in one.games})),
        channels=len({one.channel_id for one in found}),
        unresolved=tuple(one.name for one in read if one.channel_id is None),
        competitors=tuple(dict.fromkeys(one.channel_id for one in found if one.channel_id)),
    )


def _started(state: Analysis, step: int) -> StepStarted:
    return StepStarted(step, _MESSAGES[step](state), max(state.progress, STARTS[step]))


def _progress(state: Analysis, step: int, more: int) -> float:
    """Progress of the run when `more` parts of the step are done than there are by now."""
    done, left = {
        EXCLUSIONS: lambda: (len(state.competitors), len(state.competitors_left)),
        # Looking at what was found is one part more.
        DISCOVERY: lambda: (len(state.searches), len(state.queries_left) + 1),
        CHANNELS: lambda: (len(state.uploads), len(state.channels_to_list)),
        SCORING: lambda: (len(state.analyzed), len(state.channels_to_score)),
    }[step]()
    share = (done + more) / (done + left)
    progress = STARTS[step] + (STARTS[step + 1] - STARTS[step]) * share
    return max(state.progress, round(progress, 2))


def _once(parts: Iterable[PartT]) -> list[PartT]:
    """One of each channel."""
    return list({one.channel_id: one for one in parts}.values())


def _parts(
    state: Analysis,
    step: int,
    parts: Sequence[UploadsListed | ChannelAnalyzed],
    units: int,
) -> list[AnalysisEvent]:
    """Those events with progress, and on the first of them what all of them cost."""
    return [
        replace(one, progress=_progress(state, step, done), units=units if done == 1 else 0)
        for done, one in enumerate(parts, 1)
    ]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


_MESSAGES: dict[int, Callable[[Analysis], str]] = {
    EXCLUSIONS: lambda state: (
        f"Reading what {_counted(len(state.asked.competitors), 'competitor')} published "
        f"since {state.asked.since:%Y-%m-%d}"
    ),
    DISCOVERY: lambda state: (
        f"Searching for channels by {_counted(len(state.asked.content.search_queries), 'phrase')}"
    ),
    CHANNELS: lambda state: f"Listing videos of {_counted(len(state.channels or ()), 'channel')}",
    SCORING: lambda state: (
        f"Scoring {_counted(sum(map(len, state.uploads.values())), 'video')} of "
        f"{_counted(len(state.channels or ()), 'channel')}"
    ),
    RANKING: lambda state: (
        f"Ranking {_counted(sum(one.outliers for one in state.analyzed.values()), 'outlier')}"
    ),
}
