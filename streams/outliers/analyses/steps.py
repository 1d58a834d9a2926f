"""The steps of a run: what is asked of YouTube, and what is kept of the answers.

A step reads from the run's state what is left to do, asks, and records as it goes. A worker that
is lost in between leaves what was recorded, and the next one goes on from there.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence

import structlog

from streams.outliers.analyses.analysis import (
    CHANNELS,
    DISCOVERY,
    EXCLUSIONS,
    RANKING,
    SCORING,
)
from streams.outliers.analyses.analysis_commands import (
    AnalysisCommand,
    RankResults,
    RecordChannels,
    RecordCompetitor,
    RecordScores,
    RecordSearch,
    RecordUploads,
)
from streams.outliers.analyses.discovery import suits
from streams.outliers.analyses.events import (
    ChannelAnalyzed,
    ChannelDiscovered,
    CompetitorRead,
    QuerySearched,
    UploadsListed,
)
from streams.outliers.analyses.exclusion import games, phrases_of
from streams.outliers.analyses.scoring import RECENT, analyzed
from streams.outliers.analyses.state import Analysis
from streams.outliers.analyses.titles import storable
from streams.outliers.content.phrases import plain
from streams.outliers.youtube.errors import RefusedError
from streams.outliers.youtube.names import kind
from streams.outliers.youtube.shapes import Channel, Video
from streams.outliers.youtube.source import Source

COMPETITOR_VIDEOS = 200  # of the time window, the newest: 30 days of six a day, and more
TOGETHER = 10  # channels whose uploads are asked for at once, and recorded together
VIDEOS = 200  # ids asked for between two records: a whole number of calls

NO_NAME = "invalidChannelName"  # how the client refuses a text that names no channel

log = structlog.get_logger()

Record = Callable[[AnalysisCommand], Awaitable[Analysis]]


class Steps:
    """Makes the steps of one run.

    Args:
        record: decides a command and answers the state after it; raises what ends this turn.
        spent: units of the Data API that this turn has spent so far.
    """

    def __init__(
        self, source: Source, record: Record, spent: Callable[[], int] = lambda: 0
    ) -> None:
        self._source = source
        self._record = record
        self._spent = spent
        self._told = 0

    def units(self) -> int:
        """Units that were spent since this was asked last: for the next record."""
        told, self._told = self._told, self._spent()
        return self._told - told

    async def make(self, state: Analysis) -> None:
        """Make the step that the run is at, from where it is to its end.

        Raises:
            YouTubeError: what an answer could not be had for; everything before is recorded.
        """
        steps = {
            EXCLUSIONS: self._exclusions,
            DISCOVERY: self._discovery,
            CHANNELS: self._channels,
            SCORING: self._scoring,
            RANKING: self._ranking,
        }
        await steps[state.step](state)

    async def _exclusions(self, state: Analysis) -> None:
        for name in state.competitors_left:
            channel = await self._named(name)
            videos = await self._recent(channel, state.asked.since) if channel else []
            titles = [video.title for video in videos]
            # In a thread: thousands of phrases in hundreds of titles would hold up other runs.
            found = await asyncio.to_thread(games, titles, state.asked.content.game_patterns)
            read = CompetitorRead(
                name=name,
                channel_id=channel.channel_id if channel else None,
                title=storable(channel.title) if channel else None,
                games=found,
                videos=len(videos),
                units=self.units(),
            )
            await self._record(RecordCompetitor(_now(), read))

    async def _named(self, name: str) -> Channel | None:
        """A competitor, whatever its size; by its title where it is named by no id or handle."""
        try:
            channel = await self._source.channel_named(name)
        except RefusedError as refused:
            if refused.reason != NO_NAME and not refused.about_one:
                raise
            channel = None
        if channel is not None or kind(name) != "word":
            return channel
        hits = await self._source.search_channels(name)
        same = [hit.channel_id for hit in hits if plain(hit.title) == plain(name)]
        found = await self._source.channels(same[:1]) if same else []
        return found[0] if found else None

    async def _recent(self, channel: Channel, since: dt.datetime) -> list[Video]:
        try:
            ids = await self._source.uploads(channel, limit=COMPETITOR_VIDEOS, since=since)
        except RefusedError as refused:
            if not refused.about_one:
                raise
            log.warning(
                "competitor's uploads are not shown",
                channel_id=channel.channel_id,
                reason=refused.reason,
            )
            return []
        return await self._source.videos(ids) if ids else []

    async def _discovery(self, state: Analysis) -> None:
        for query in state.queries_left:
            hits = await self._source.search_channels(query)
            ids = tuple(dict.fromkeys(hit.channel_id for hit in hits))
            searched = QuerySearched(query, ids, units=self.units())
            state = await self._record(RecordSearch(_now(), searched))
        candidates = state.candidates
        channels = await self._source.channels(list(candidates)) if candidates else []
        suitable = [
            ChannelDiscovered(
                channel_id=one.channel_id,
                title=storable(one.title),
                subscribers=one.subscribers,
                query=candidates[one.channel_id],
                uploads_playlist=one.uploads_playlist,
            )
            for one in channels
            if suits(one, state.asked)
        ]
        await self._record(RecordChannels(_now(), tuple(suitable), self.units()))

    async def _channels(self, state: Analysis) -> None:
        left = state.channels_to_list
        for start in range(0, len(left), TOGETHER):
            asking = [self._listed(one) for one in left[start : start + TOGETHER]]
            answers = await asyncio.gather(*asking, return_exceptions=True)
            listed = tuple(one for one in answers if isinstance(one, UploadsListed))
            if listed:  # also where others of them failed
                await self._record(RecordUploads(_now(), listed, self.units()))
            for error in answers:
                if isinstance(error, BaseException):
                    raise error

    async def _listed(self, discovered: ChannelDiscovered) -> UploadsListed:
        try:
            ids = await self._source.uploads(_channel(discovered), limit=RECENT)
        except RefusedError as refused:
            # The key was good for the searches: this is about the channel.
            if not refused.about_one:
                raise
            why = f"YouTube does not show its uploads ({storable(refused.reason)[:100]})"
            return UploadsListed(discovered.channel_id, (), refused=why)
        return UploadsListed(discovered.channel_id, tuple(ids))

    async def _scoring(self, state: Analysis) -> None:
        """Ask for the videos of all channels in one row, so that no call is half empty."""
        excluded = phrases_of(state.exclusion.games if state.exclusion else (), state.asked.content)
        left = list(state.channels_to_score)
        row = [video for one in left for video in state.uploads.get(one.channel_id, ())]
        known: dict[str, Video | None] = {}
        start = 0
        while left:
            asked = row[start : start + VIDEOS]
            start += VIDEOS
            found = await self._source.videos(asked) if asked else []
            known |= dict.fromkeys(asked)
            known |= {video.video_id: video for video in found}
            ready: list[tuple[ChannelDiscovered, list[Video]]] = []
            while left and all(one in known for one in state.uploads.get(left[0].channel_id, ())):
                channel = left.pop(0)
                ids = state.uploads.get(channel.channel_id, ())
                videos = [video for one in ids if (video := known[one]) is not None]
                ready.append((channel, videos))
            results = await asyncio.to_thread(_scored, ready, state, excluded)
            await self._record(RecordScores(_now(), results, self.units()))

    async def _ranking(self, state: Analysis) -> None:
        await self._record(RankResults(_now()))


def _scored(
    ready: Sequence[tuple[ChannelDiscovered, Sequence[Video]]],
    state: Analysis,
    excluded: Sequence[str],
) -> tuple[ChannelAnalyzed, ...]:
    """What becomes of channels; takes long where there are many phrases."""
    return tuple(
        analyzed(channel, videos, state.asked, excluded, state.refused.get(channel.channel_id))
        for channel, videos in ready
    )


def _channel(discovered: ChannelDiscovered) -> Channel:
    """As much of a channel as is asked by."""
    return Channel(
        channel_id=discovered.channel_id,
        title=discovered.title,
        description="",
        handle=None,
        country=None,
        published_at=dt.datetime.fromtimestamp(0, dt.UTC),
        subscribers=discovered.subscribers,
        views=None,
        videos=None,
        topics=(),
        uploads_playlist=discovered.uploads_playlist,
        etag="",
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
