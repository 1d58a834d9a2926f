"""What the poller knows: of each watched channel and followed video, in memory.

Answers of the API are taken in here, and what is to be published comes out. Nothing in here asks,
waits or stores. Times are seconds since 1970.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import structlog

from schemas.topic import Topic
from streams.outliers.watching.expectation import FOLLOWED_H, forgotten, log_share
from streams.outliers.watching.observed import channel_snapshot, text, video_snapshot
from streams.outliers.youtube.shapes import Channel, Video

HOUR = 3600.0
MOST_FOLLOWED = 200  # newest videos of a channel
# An answer may lack something by mistake: only what is missing twice is gone.
GONE_AFTER = 2

log = structlog.get_logger()

Event = tuple[Topic, dict[str, Any]]
Kind = Literal["channels", "uploads", "videos"]  # of a look


@dataclass(slots=True)
class WatchedState:
    """A watched channel.

    Attributes:
        since: when it was asked for.
        looked_at: when its counts were last asked for; None: never.
        listed_at: when its uploads were last asked for; None: never.
        known_from: from then on all its uploads are known; None before the first list.
        next_look_at: when the next look is expected; None: at once.
        videos: public videos at the last look.
        told: whether the number of videos says that there are uploads that are not known here.
        missing: answers in a row that did not have it.
        foretold: uploads that the number of videos had told of before they were listed.
        surprising: uploads that were listed without that.
        snapshots: of it and its videos.
        units: of the API, its share of batches.
    """

    channel_id: str
    title: str
    since: float
    looked_at: float | None = None
    listed_at: float | None = None
    known_from: float | None = None
    next_look_at: float | None = None
    videos: int | None = None
    told: bool = False
    missing: int = 0
    foretold: int = 0
    surprising: int = 0
    snapshots: int = 0
    units: float = 0.0

    @property
    def gone(self) -> bool:
        """Whether the platform has it no more."""
        return self.missing >= GONE_AFTER


@dataclass(slots=True)
class FollowedState:
    """A known video of a watched channel.

    Attributes:
        found_at: when it was first listed.
        published_at: None before its first look.
        looked_at: None before its first look.
        views: at the last look; None where hidden.
        grown: log10 growth between looks, the old forgotten.
        expected: the growth that was expected of it, forgotten alike.
        missing: answers in a row that did not have it.
    """

    video_id: str
    channel_id: str
    found_at: float
    published_at: float | None = None
    looked_at: float | None = None
    views: int | None = None
    grown: float = 0.0
    expected: float = 0.0
    missing: int = 0

    @property
    def gone(self) -> bool:
        """Whether the platform has it no more: it was deleted, or is private."""
        return self.missing >= GONE_AFTER

    def followed(self, now: float) -> bool:
        """Whether it is worth asking for."""
        young = self.published_at is None or now - self.published_at < FOLLOWED_H * HOUR
        return young and not self.gone


@dataclass
class Watch:
    """All of it, and what changed since it was last stored.

    Attributes:
        playlists: the newest answer about each channel, of this process only; its uploads are
            asked for with it.
        changed_channels, changed_videos: ids of rows that are to be stored.
        dropped_videos: ids of rows that are to be deleted.
    """

    channels: dict[str, WatchedState] = field(default_factory=dict)
    videos: dict[str, FollowedState] = field(default_factory=dict)
    playlists: dict[str, Channel] = field(default_factory=dict)
    changed_channels: set[str] = field(default_factory=set)
    changed_videos: set[str] = field(default_factory=set)
    dropped_videos: set[str] = field(default_factory=set)

    def only(self, wanted: Mapping[str, tuple[str, float]]) -> tuple[list[str], list[str]]:
        """Watch these channels and no others.

        Args:
            wanted: title, and when it was asked for, by channel.

        Returns:
            Ids that came and ids that went.
        """
        came = [one for one in wanted if one not in self.channels]
        went = [one for one in self.channels if one not in wanted]
        for channel_id in came:
            title, since = wanted[channel_id]
            self.channels[channel_id] = WatchedState(channel_id, title, since)
            self.changed_channels.add(channel_id)
        for channel_id in went:
            del self.channels[channel_id]
            self.playlists.pop(channel_id, None)
            self.changed_channels.discard(channel_id)
        if went:
            gone = set(went)
            self.drop(v.video_id for v in self.videos.values() if v.channel_id in gone)
        return came, went

    def drop(self, video_ids: Iterable[str]) -> None:
        """Forget videos."""
        for video_id in list(video_ids):
            del self.videos[video_id]
            self.changed_videos.discard(video_id)
            self.dropped_videos.add(video_id)

    def tidy(self, now: float, kept_s: float = math.inf) -> None:
        """Forget what is followed no more, and counts that nothing has refreshed.

        Args:
            kept_s: for so long a count may be kept that was not refreshed.
        """
        old = now - FOLLOWED_H * HOUR
        # Not by when they were published: the same video would be found again, as a new one.
        self.drop([v.video_id for v in self.videos.values() if v.found_at < old])
        for video in self.videos.values():
            stale = video.looked_at is not None and now - video.looked_at > kept_s
            if stale and video.views is not None:
                video.views = None
                self.changed_videos.add(video.video_id)

    def saw_channels(
        self, asked: Sequence[str], answer: Sequence[Channel], at: float
    ) -> list[Event]:
        """Take the counts of channels in.

        Args:
            asked: ids that were asked for.
            answer: those that exist.
            at: when the answer came.

        Returns:
            Events to publish.
        """
        events: list[Event] = []
        found = {channel.channel_id: channel for channel in answer}
        for channel_id in asked:
            state = self.channels.get(channel_id)
            if state is None:  # it is watched no more
                continue
            self.changed_channels.add(channel_id)
            state.looked_at = at
            channel = found.get(channel_id)
            if channel is None:
                self._missed(state)
                continue
            if state.videos is not None and (channel.videos or 0) > state.videos:
                state.told = True
            state.missing, state.title, state.videos = 0, text(channel.title), channel.videos
            state.snapshots += 1
            self.playlists[channel_id] = channel
            events.append(channel_snapshot(channel, at))
        return events

    def saw_uploads(
        self, channel_id: str, video_ids: Sequence[str], at: float, *, cut: bool
    ) -> list[str]:
        """Take a list of a channel's newest uploads in.

        Args:
            video_ids: newest first.
            cut: whether there are older ones that are not in the list.

        Returns:
            Ids that are new.
        """
        state = self.channels.get(channel_id)
        if state is None:
            return []
        new = [one for one in dict.fromkeys(video_ids) if one not in self.videos]
        if state.listed_at is not None:
            if state.told:
                state.foretold += len(new)
            else:
                state.surprising += len(new)
        for video_id in new[:MOST_FOLLOWED]:
            self.videos[video_id] = FollowedState(video_id, channel_id, found_at=at)
            self.changed_videos.add(video_id)
            self.dropped_videos.discard(video_id)
        if state.known_from is None:
            # Where the list was cut, its oldest video says how far back all are known: its look
            # moves this forward.
            state.known_from = at if cut else at - FOLLOWED_H * HOUR
        state.listed_at, state.told = at, False
        self.changed_channels.add(channel_id)
        return new

    def saw_videos(self, asked: Sequence[str], answer: Sequence[Video], at: float) -> list[Event]:
        """Take the counts of videos in; as `saw_channels`."""
        events: list[Event] = []
        found = {video.video_id: video for video in answer}
        for video_id in asked:
            state = self.videos.get(video_id)
            channel = None if state is None else self.channels.get(state.channel_id)
            if state is None or channel is None:
                continue
            self.changed_videos.add(video_id)
            self.changed_channels.add(channel.channel_id)
            video = found.get(video_id)
            if video is None:
                self._missed_video(state, at)
                continue
            _grown(state, video, at)
            state.missing, state.looked_at, state.views = 0, at, video.views
            state.published_at = video.published_at.timestamp()
            if channel.known_from is not None and channel.known_from > state.published_at:
                channel.known_from = state.published_at
            if not state.followed(at):
                continue
            channel.snapshots += 1
            events.append(video_snapshot(video, at))
        return events

    def spent(self, kind: Kind, ids: Sequence[str], units: int) -> None:
        """Share the units of a look among the channels that it was about."""
        for one in ids:
            video = self.videos.get(one) if kind == "videos" else None
            state = self.channels.get(video.channel_id if video else one)
            if state is not None:
                state.units += units / len(ids)
                self.changed_channels.add(state.channel_id)

    def refused(self, channel_id: str, at: float) -> None:
        """A list of a channel's uploads was refused: it is asked for again later."""
        state = self.channels.get(channel_id)
        if state is not None:
            state.listed_at, state.told = at, False
            self.changed_channels.add(channel_id)

    def _missed(self, state: WatchedState) -> None:
        state.missing += 1
        if state.missing == GONE_AFTER:
            log.warning("watched channel is gone", channel_id=state.channel_id, title=state.title)

    def _missed_video(self, state: FollowedState, at: float) -> None:
        state.missing, state.looked_at = state.missing + 1, at
        if state.missing == GONE_AFTER:
            state.views = None
            log.info(
                "video is followed no more: it was deleted, or is private",
                video_id=state.video_id,
                channel_id=state.channel_id,
            )

    def counts(self, now: float) -> dict[str, int]:
        """Videos followed, by channel."""
        counts = dict.fromkeys(self.channels, 0)
        for video in self.videos.values():
            if video.channel_id in counts and video.followed(now):
                counts[video.channel_id] += 1
        return counts

    @property
    def changed(self) -> bool:
        """Whether something is to be stored."""
        return bool(self.changed_channels or self.changed_videos or self.dropped_videos)

    def stored(self) -> None:
        """Everything that changed is stored."""
        self.changed_channels.clear()
        self.changed_videos.clear()
        self.dropped_videos.clear()


def _grown(state: FollowedState, video: Video, at: float) -> None:
    """Hold a video's growth since the last look against what was expected."""
    if state.looked_at is None or state.views is None or video.views is None:
        return
    published = video.published_at.timestamp()
    ages = np.array([state.looked_at - published, at - published]) / HOUR
    before, after = log_share(ages).tolist()
    # A recount is no growth; nor does it say that there will be none.
    grown = max(0.0, math.log10((video.views + 1) / (state.views + 1)))
    kept = forgotten((at - state.looked_at) / HOUR)
    state.grown = state.grown * kept + grown
    state.expected = state.expected * kept + (after - before)
