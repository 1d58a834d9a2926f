"""How far an analysis is: the fold of its story."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from streams.outliers.analyses.events import (
    ChannelAnalyzed,
    ChannelDiscovered,
    CompetitorRead,
    Completed,
    ExclusionBuilt,
)
from streams.outliers.analyses.request import Asked

DONE = 6  # the number of a status; 0 is queued, 1 to 5 are the steps


class Status(StrEnum):
    """What becomes of an analysis; `NEW` is one that nobody has heard of."""

    NEW = "new"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing can follow any more."""
        return self in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Analysis:
    """An analysis' state.

    Attributes:
        request: what was asked for; None before it was.
        user_id: who asked.
        step: the latest step that began, 1 to 5; 0 before; 6 when it is done. A run that waits,
            failed or was called off keeps the step at which that happened.
        turn: number of the latest entry in the work queue; entries of others do nothing.
        stalls: how often in a row the run has had to wait for the same cause and then got nowhere.
        cause: of the latest wait.
        progress: 0 to 100; never falls.
        units: of the Data API, spent on what is recorded.
        competitors: what was read of them, by the name in the request.
        exclusion: the list, once it stands.
        searches: channel ids by query, in the order of searches.
        channels: that suit, in the order in which they were found; None before that is known.
        uploads: newest video ids by channel id.
        refused: why YouTube did not list a channel's uploads, by the ids of such channels.
        analyzed: results by channel id.
        result: the end of a completed analysis.
        error: why it failed, waits or was called off.
    """

    status: Status = Status.NEW
    request: Asked | None = None
    user_id: str = ""
    step: int = 0
    turn: int = 0
    stalls: int = 0
    cause: str | None = None
    progress: float = 0.0
    units: int = 0
    competitors: Mapping[str, CompetitorRead] = field(default_factory=dict)
    exclusion: ExclusionBuilt | None = None
    searches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    channels: tuple[ChannelDiscovered, ...] | None = None
    uploads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    analyzed: Mapping[str, ChannelAnalyzed] = field(default_factory=dict)
    result: Completed | None = None
    error: str | None = None

    def stalls_of(self, cause: str) -> int:
        """How often in a row the run has waited for that, and for nothing else in between."""
        return self.stalls if self.cause == cause else 0

    @property
    def asked(self) -> Asked:
        """The request of an analysis that exists."""
        if self.request is None:
            raise LookupError("nobody asked for the analysis")
        return self.request

    @property
    def competitors_left(self) -> tuple[str, ...]:
        """Competitors that were not read yet."""
        return tuple(name for name in self.asked.competitors if name not in self.competitors)

    @property
    def queries_left(self) -> tuple[str, ...]:
        """Searches that were not made yet."""
        return tuple(q for q in self.asked.content.search_queries if q not in self.searches)

    @property
    def candidates(self) -> dict[str, str]:
        """Found channels without competitors, each with the first query that found it."""
        competitors = set(self.exclusion.competitors) if self.exclusion is not None else set()
        found: dict[str, str] = {}
        for query, channel_ids in self.searches.items():
            for channel_id in channel_ids:
                if channel_id not in competitors:
                    found.setdefault(channel_id, query)
        return found

    @property
    def listable(self) -> tuple[ChannelDiscovered, ...]:
        """Channels whose videos are worth asking for: others have none, or can have no score."""
        return tuple(one for one in self.channels or () if one.subscribers and one.uploads_playlist)

    @property
    def channels_to_list(self) -> tuple[ChannelDiscovered, ...]:
        """Those whose newest videos are not known yet."""
        return tuple(one for one in self.listable if one.channel_id not in self.uploads)

    @property
    def channels_to_score(self) -> tuple[ChannelDiscovered, ...]:
        """Channels without a result yet."""
        return tuple(one for one in self.channels or () if one.channel_id not in self.analyzed)
