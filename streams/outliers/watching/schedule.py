"""What to ask next, for a number of units: whatever ends the most waiting.

Each look has a worth: the news that it is expected to find, times the hours which that news has
waited. Uploads count one each, growth in log10 of views. A unit buys a list of one channel's
uploads, the counts of 50 channels, or those of 50 videos; so what is asked in batches is sorted
and cut into full ones.

The number of a channel's videos stands among its counts, so a fiftieth of a unit tells whether
there are new ones. It may come late: how far it can be trusted is learned from uploads that were
listed without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.outliers.watching.expectation import (
    FOLLOWED_H,
    growth_pace,
    upload_rates,
    waiting,
)
from streams.outliers.watching.watch import (
    HOUR,
    MOST_FOLLOWED,
    FollowedState,
    Kind,
    Watch,
    WatchedState,
)

BATCH = 50  # ids that a unit buys the counts of
# A unit that buys less is kept: news x hours. For one upload a day, a look every 40 minutes.
WORTH = 0.01
# The counts of a channel are news themselves: so much a day.
CHANNEL_NEWS = 0.05
# Before anything was seen, nine uploads of ten are told of by the number of videos.
_TRUST = 9.0, 1.0
# Of a video that hides its views only the rest is news.
_HIDDEN = 0.05
# Where something was never asked for, or is known to be there.
_AT_ONCE = 1e6
# Where a look found nothing there, it is looked at again once a day.
_GONE_PAUSE_H = 24.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Look:
    """One call of the API.

    Attributes:
        kind: channels: counts of channels; uploads: one channel's newest; videos: their counts.
        ids: channels or videos, at most 50; one channel for uploads.
        worth: news x hours that it is expected to end.
        least: the part of the id with the least of it.
    """

    kind: Kind
    ids: tuple[str, ...]
    worth: float
    least: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask next.

    Attributes:
        looks: the most worth first.
        due: channels that something is worth asking of, also where units are lacking.
        late_s: seconds that the most overdue channel waits beyond the least pause; 0 if none.
    """

    looks: tuple[Look, ...]
    due: int
    late_s: float


def plan(watch: Watch, now: float, units: int, pause_s: float) -> Plan:
    """The looks that are worth the most, for at most so many units.

    Args:
        now: seconds since 1970.
        pause_s: least time between two looks at the same channel or video.
    """
    channels = list(watch.channels.values())
    if not channels:
        return Plan((), 0, 0.0)
    videos = [video for video in watch.videos.values() if video.followed(now)]
    rates = rates_of(watch, channels, now)
    known, lists = _of_channels(watch, channels, rates, now, pause_s)
    names = [one.channel_id for one in channels]
    looks = [
        *_batches("channels", names, known),
        *(
            Look("uploads", (channel.channel_id,), float(worth))
            for channel, worth in zip(channels, lists, strict=True)
            if worth > WORTH and channel.channel_id in watch.playlists
        ),
        *_batches("videos", [v.video_id for v in videos], _of_videos(videos, now, pause_s)),
    ]
    looks.sort(key=lambda look: -look.worth)
    waits = [
        now - (one.looked_at if one.looked_at is not None else one.since) - pause_s
        for one, worth in zip(channels, np.maximum(known, lists), strict=True)
        if worth > WORTH
    ]
    return Plan(tuple(looks[:units]), len(waits), max([0.0, *waits]))


def rates_of(watch: Watch, channels: list[WatchedState], now: float) -> Floats:
    """Uploads an hour that are expected of each channel."""
    number = {channel.channel_id: at for at, channel in enumerate(channels)}
    known = [
        (number[video.channel_id], (now - video.published_at) / HOUR)
        for video in watch.videos.values()
        if video.published_at is not None and video.channel_id in number
    ]
    known_for = [
        0.0 if one.known_from is None else (now - one.known_from) / HOUR for one in channels
    ]
    return upload_rates(
        np.array([at for at, _ in known], dtype=np.int64),
        np.array([age for _, age in known], dtype=np.float64),
        np.clip(known_for, 0.0, FOLLOWED_H),
    )


def foresee(watch: Watch, look: Look, now: float, pause_s: float) -> None:
    """Write down when the channels of a look at counts are expected to be looked at next.

    Of a full batch, when a channel's worth is again that of the least one in it; of one that has
    all channels, when it is again worth a unit. News, and a lack of units, change that.
    """
    channels = [watch.channels[one] for one in look.ids if one in watch.channels]
    if look.kind != "channels" or not channels:
        return
    growth = rates_of(watch, channels, now) * trust(channels) + CHANNEL_NEWS / 24
    if len(look.ids) < BATCH:
        hours = np.full(len(channels), np.sqrt(2 * WORTH / growth.sum()))
    else:
        hours = np.sqrt(2 * max(look.least, WORTH / BATCH) / growth)
    for channel, pause_h in zip(channels, hours.tolist(), strict=True):
        if channel.gone:
            pause_h = _GONE_PAUSE_H
        channel.next_look_at = now + max(pause_s, pause_h * HOUR)
        watch.changed_channels.add(channel.channel_id)


def trust(channels: list[WatchedState]) -> float:
    """Share of uploads that the number of videos tells of before they are listed."""
    told = _TRUST[0] + sum(one.foretold for one in channels)
    return told / (told + _TRUST[1] + sum(one.surprising for one in channels))


def _of_channels(
    watch: Watch, channels: list[WatchedState], rates: Floats, now: float, pause_s: float
) -> tuple[Floats, Floats]:
    """Worth of each channel's counts, and of a list of its uploads."""
    told_of = trust(channels)
    since_look = _hours_since([one.looked_at for one in channels], now)
    since_list = _hours_since([one.listed_at for one in channels], now)
    gone = np.array([one.gone for one in channels])
    told = np.array([one.told for one in channels])
    counts = (rates * told_of + CHANNEL_NEWS / 24) * since_look**2 / 2
    # A list needs the playlist of an answer of this process: after a restart there is none yet.
    stuck = (told | np.isinf(since_list)) & ~np.isin(
        [one.channel_id for one in channels], list(watch.playlists)
    )
    counts = np.where(np.isinf(since_look) | stuck, _AT_ONCE, counts)
    counts *= since_look >= np.where(gone, _GONE_PAUSE_H, pause_s / HOUR)
    # What the number of videos is silent about has still to be found.
    silent = rates * (1 - told_of) * since_list**2 / 2
    lists = np.where(told | np.isinf(since_list), _AT_ONCE, silent)
    lists *= ~gone & (told | (since_list >= pause_s / HOUR))
    return counts, lists


def _of_videos(videos: list[FollowedState], now: float, pause_s: float) -> Floats:
    """Worth of each video's counts."""
    if not videos:
        return np.zeros(0)
    looked = _hours_since([one.looked_at for one in videos], now)
    never = np.array([one.published_at is None or one.looked_at is None for one in videos])
    age = np.array(
        [0.0 if v.published_at is None else (now - v.published_at) / HOUR for v in videos]
    )
    start = np.maximum(age - np.where(np.isinf(looked), age, looked), 0.0)
    grown = np.array([one.grown for one in videos])
    expected = np.array([one.expected for one in videos])
    worth = waiting(start, np.maximum(age, 0.0), growth_pace(grown, expected))
    worth *= np.where(np.array([one.views is None for one in videos]), _HIDDEN, 1.0)
    worth = np.where(never, _AT_ONCE, worth)
    worth *= looked >= pause_s / HOUR
    return _newest(videos, worth)


def _newest(videos: list[FollowedState], worth: Floats) -> Floats:
    """No worth for a channel's videos beyond the newest that are followed."""
    if len(videos) <= MOST_FOLLOWED:
        return worth
    order = sorted(range(len(videos)), key=lambda at: -(videos[at].published_at or np.inf))
    seen: dict[str, int] = {}
    for at in order:
        channel_id = videos[at].channel_id
        seen[channel_id] = seen.get(channel_id, 0) + 1
        if seen[channel_id] > MOST_FOLLOWED:
            worth[at] = 0.0
    return worth


def _batches(kind: Kind, ids: list[str], worth: Floats) -> list[Look]:
    """Full batches, the most worth first; the last may be smaller."""
    order = np.argsort(-worth, kind="stable")
    order = order[worth[order] > 0]
    looks = []
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        total = float(worth[chosen].sum())
        if total <= WORTH:
            break
        least = float(worth[chosen[-1]])
        looks.append(Look(kind, tuple(ids[at] for at in chosen), total, least))
    return looks


def _hours_since(times: list[float | None], now: float) -> Floats:
    """Hours since each time; infinite where there is none."""
    return np.array([np.inf if at is None else (now - at) / HOUR for at in times])
