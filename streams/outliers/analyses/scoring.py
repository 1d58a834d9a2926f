"""Step 4: scores and brand fit of a channel's recent videos, and which of them are kept.

The formulas are those of the tool's description: score = views / subscribers x 100; brand fit is a
sum of points from 0 to 10.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from streams.outliers.analyses.events import ChannelAnalyzed, ChannelDiscovered
from streams.outliers.analyses.request import Asked
from streams.outliers.analyses.titles import storable
from streams.outliers.content.phrases import has_any, plain, readable
from streams.outliers.content.shapes import BrandFit, Content
from streams.outliers.youtube.shapes import Video

RECENT = 15  # videos of a channel that are looked at, at most
RECENT_LEAST = 3  # with fewer it is skipped

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Kept:
    """A video that is a result; in the log as a JSON object of these names.

    Attributes:
        score: views per subscriber, times 100.
        brand_fit: 0 to 10.
        published_at: RFC 3339, UTC.
        duration_s: None of broadcasts.
    """

    video_id: str
    channel_id: str
    channel_title: str
    title: str
    score: float
    brand_fit: float
    views: int
    subscribers: int
    likes: int | None
    comments: int | None
    published_at: str
    duration_s: int | None
    category: str | None


def analyzed(
    channel: ChannelDiscovered,
    videos: Sequence[Video],
    asked: Asked,
    excluded: Sequence[str],
    refused: str | None = None,
) -> ChannelAnalyzed:
    """What becomes of a channel.

    Args:
        videos: its recent ones that there are still.
        excluded: phrases that no kept title has.
        refused: why YouTube does not list its videos, if so.
    """
    why = refused or _skipped(channel, videos, asked.content)
    kept = [] if why else _kept(channel, videos, asked, excluded)
    results = json.dumps([asdict(one) for one in kept], ensure_ascii=False)
    return ChannelAnalyzed(channel.channel_id, len(kept), results, len(videos), why)


def score(views: int, subscribers: int) -> float:
    """Views per subscriber, times 100."""
    return views / subscribers * 100


def brand_fit(title: str, description: str, rules: BrandFit) -> float:
    """How well a video suits, from 0 to 10."""
    texts = {"title": plain(title), "description": plain(description)}
    fit = rules.base
    for rule in rules.rules:
        text = texts[rule.where]
        if has_any(text, rule.phrases) and not has_any(text, rule.unless):
            fit += rule.points
    shown = readable(title)
    marks = sum(shown.count(mark) for mark in set(rules.punctuation.characters))
    if marks >= rules.punctuation.at_least:
        fit += rules.punctuation.points
    if any(_in_capitals(word, rules.capitals.letters) for word in _WORD.findall(shown)):
        fit += rules.capitals.points
    return min(max(fit, 0.0), 10.0)


def _in_capitals(word: str, least: int) -> bool:
    return word.isupper() and sum(map(str.isalpha, word)) >= least


def _skipped(channel: ChannelDiscovered, videos: Sequence[Video], content: Content) -> str | None:
    """Why a channel is not scored, for a person."""
    if channel.subscribers is None:
        return "hides how many subscribe, so its videos have no score"
    if channel.subscribers < 1:
        return "has no subscribers, so its videos have no score"
    if len(videos) < RECENT_LEAST:
        return f"has {len(videos)} recent videos; {RECENT_LEAST} are needed"
    unwanted = sum(video.category in content.excluded_categories for video in videos)
    if 2 * unwanted > len(videos):
        return f"{unwanted} of {len(videos)} recent videos are in excluded categories"
    return None


def _kept(
    channel: ChannelDiscovered, videos: Sequence[Video], asked: Asked, excluded: Sequence[str]
) -> list[Kept]:
    subscribers = channel.subscribers
    assert subscribers is not None, "such channels are skipped"
    fit_of = asked.content.brand_fit
    found = []
    for video in videos:
        if video.views is None or has_any(plain(video.title), excluded):
            continue
        fit = brand_fit(video.title, video.description, fit_of)
        # Multiplied out: a score that is the threshold must not pass for a rounding error.
        above = video.views * 100 > asked.outlier_threshold * subscribers
        if above and fit > fit_of.above:
            found.append(
                Kept(
                    video_id=video.video_id,
                    channel_id=channel.channel_id,
                    channel_title=channel.title,
                    title=storable(video.title),
                    score=score(video.views, subscribers),
                    brand_fit=fit,
                    views=video.views,
                    subscribers=subscribers,
                    likes=video.likes,
                    comments=video.comments,
                    published_at=video.published_at.isoformat(),
                    duration_s=video.duration_s,
                    category=video.category,
                )
            )
    return found
