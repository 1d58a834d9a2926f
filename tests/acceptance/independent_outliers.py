"""Outliers computed again, one snapshot after the other, in plain Python.

docs/outliers.md is the definition. Nothing here is shared with `streams.outliers` but the file of
growth curves: nothing is forgotten or cut, a history is looked through from its end, sums are
Python's, and tails are SciPy's distributions.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import statistics
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scipy import stats

BREAKS_H = [0, 6, 24, 72, 168, 720, 2160]
MEMORY = dt.timedelta(days=120)
STANDS = dt.timedelta(days=365)
DAY = dt.timedelta(days=1)
COMPARED = 40
CUT = 2.5
CUT_SQUARE = 0.9775

Event = Mapping[str, Any]


class Curves:
    """Growth curves and priors of the shipped file's form."""

    def __init__(self, text: str) -> None:
        self._content = json.loads(text)
        self.tau2: float = self._content["tau2"]
        self.forgetting: float = self._content["forgetting"]

    def log_share(self, group: list[str], age_h: float) -> float:
        ages, curve = self._content["ages_h"], self._of("curves", group)
        right = min(max(bisect_right(ages, age_h), 1), len(ages) - 1)
        rise = (curve[right] - curve[right - 1]) / (ages[right] - ages[right - 1])
        return float(curve[right - 1] + rise * (age_h - ages[right - 1]))

    def prior(self, group: list[str]) -> dict[str, Any]:
        return dict(self._of("priors", group))

    def groups(self, format_: str, category: str | None) -> list[str]:
        """From the narrowest to the widest of those that the file knows."""
        known = {*self._content["curves"], *self._content["priors"]}
        wanted = [format_, "*"] if category is None else [f"{format_}/{category}", format_, "*"]
        return [group for group in wanted if group in known]

    def _of(self, what: str, group: list[str]) -> Any:
        return next(self._content[what][one] for one in group if one in self._content[what])


@dataclass
class Addition:
    """What a video added to its series."""

    video: str
    published: dt.datetime
    share: float
    level: float
    gone: bool = False  # the video is of another format now


@dataclass
class Story:
    """A video from its first snapshot that counts on."""

    newest: dt.datetime
    format: str
    ages: set[int] = field(default_factory=set)
    tested: set[dt.date] = field(default_factory=set)
    standing: int = 0
    detection: tuple[str, int] | None = None  # where it came with, and its views


@dataclass
class Direction:
    total: int = 0
    videos: int = 0
    since: dt.datetime | None = None

    def add(self, step: int, published: dt.datetime) -> None:
        if self.total == 0:
            self.videos, self.since = 0, published
        self.videos += 1
        self.total = max(0, self.total + step - 500_000)


@dataclass
class Series:
    additions: list[Addition] = field(default_factory=list)
    since: dt.datetime | None = None
    up: Direction = field(default_factory=Direction)
    down: Direction = field(default_factory=Direction)


@dataclass
class Usual:
    n: int
    location: float
    scale: float
    df: float
    levels: list[float]


@dataclass
class Channel:
    as_of: dt.datetime
    snapshots: int = 0
    videos: dict[str, Story] = field(default_factory=dict)
    series: defaultdict[str, Series] = field(default_factory=lambda: defaultdict(Series))
    tests: defaultdict[dt.date, int] = field(default_factory=lambda: defaultdict(int))


@dataclass
class Recount:
    """Everything that follows from snapshots.

    Attributes:
        detections: detections and retractions, in the order of the log.
        shifts: shifts of channels' usual views.
        channels: as they stand at the end.
    """

    curves: Curves
    multiple: float
    probability: float
    detections: list[dict[str, Any]] = field(default_factory=list)
    shifts: list[dict[str, Any]] = field(default_factory=list)
    channels: dict[str, Channel] = field(default_factory=dict)

    def take(self, events: Iterable[Event]) -> Recount:
        """Take snapshots in, in the order of the log; each has `order` besides its fields."""
        for event in events:
            self._take(event)
        return self

    @cached_property
    def least(self) -> float:
        return math.log10(self.multiple)

    def _take(self, event: Event) -> None:
        name = event["channel_id"]
        channel = self.channels.setdefault(name, Channel(event["occurred_at"]))
        channel.as_of = max(channel.as_of, event["occurred_at"])
        channel.snapshots += 1
        age = event["occurred_at"] - event["published_at"]
        bracket = next(
            (n for n in range(6) if BREAKS_H[n] <= age / dt.timedelta(hours=1) < BREAKS_H[n + 1]),
            None,
        )
        oldest = channel.as_of - MEMORY
        if event["views"] is None or bracket is None or event["published_at"] < oldest:
            return
        format_ = _format(event["duration_s"])
        last = channel.videos.get(event["video_id"])
        story = self._story(channel, last, event, format_, oldest)
        channel.videos[event["video_id"]] = story
        begins = story is not last
        group = self.curves.groups(format_, event["category"])
        series = channel.series[format_]
        share = self.curves.log_share(group, (age // dt.timedelta(seconds=1)) / 3600)
        x = math.log10(event["views"] + 1)
        adds = bracket > 0 and bracket not in story.ages
        compared = _compared(series, event)
        usual = self._usual(compared, group, share)
        facts = {
            **event,
            "format": format_,
            "bracket": bracket,
            "share": share,
            "x": x,
        }
        if usual is not None and adds and not story.ages:
            self._watch(series, facts, usual)
        self._judge(channel, story, facts, usual, begins, compared)
        if adds:
            story.ages.add(bracket)
            addition = Addition(event["video_id"], event["published_at"], share, x - share)
            series.additions.append(addition)

    def _story(
        self,
        channel: Channel,
        last: Story | None,
        event: Event,
        format_: str,
        oldest: dt.datetime,
    ) -> Story:
        """The story that an event belongs to, maybe a new one."""
        published = event["published_at"]
        if last is None:
            return Story(published, format_)
        if last.newest < oldest:
            story = Story(published, format_)
        elif last.format != format_:
            story = Story(max(last.newest, published), format_, tested=last.tested)
            if last.ages:
                left = Addition(event["video_id"], published, 0.0, 0.0, gone=True)
                channel.series[last.format].additions.append(left)
        else:
            last.newest = max(last.newest, published)
            return last
        if last.newest >= channel.as_of - STANDS:
            story.standing, story.detection = last.standing, last.detection
        return story

    def _usual(self, compared: list[Addition], group: list[str], share: float) -> Usual | None:
        return self._expected(compared, group, share) if len(compared) >= 2 else None

    def _expected(self, compared: list[Addition], group: list[str], share: float) -> Usual:
        prior = self.curves.prior(group)
        levels = [one.level for one in compared]
        carried = [abs(one.share - share) * self.curves.tau2 for one in compared]
        location = statistics.median_low(levels) if levels else prior["mean"]
        usual = _at_level(prior["variance"], location)
        weights = [
            self.curves.forgetting**rank * usual / (usual + far) for rank, far in enumerate(carried)
        ]
        n, strength = math.fsum(weights), prior["strength"]
        variance = usual
        for _ in range(2):
            within = CUT * math.sqrt(variance)
            cut = [min(max(level - location, -within), within) for level in levels]
            pull = math.fsum(map(math.prod, zip(weights, cut, strict=True)))
            location += (pull + strength * (prior["mean"] - location)) / (n + strength)
            cut = [min(max(level - location, -within), within) for level in levels]
            squares = math.fsum(w * one * one for w, one in zip(weights, cut, strict=True))
            variance = (prior["df"] * usual + squares / CUT_SQUARE) / (prior["df"] + n)
        far = math.fsum(map(math.prod, zip(weights, carried, strict=True))) / (n + strength)
        scale = math.sqrt(variance * (1 + 1 / (n + strength)) + far)
        return Usual(len(compared), location, scale, prior["df"] + n, levels)

    def _judge(
        self,
        channel: Channel,
        story: Story,
        event: Event,
        usual: Usual | None,
        begins: bool,
        compared: list[Addition],
    ) -> None:
        before, stood = story.standing, story.detection
        judged = usual is not None
        if usual is None:
            if not (begins and before):
                return
            group = self.curves.groups(event["format"], event["category"])
            usual = self._expected(compared, group, event["share"])
        away = event["x"] - event["share"] - usual.location
        tail = float(stats.t.sf(away / usual.scale, usual.df))
        day = event["occurred_at"].date()
        if (
            judged
            and story.standing < 2
            and day not in story.tested
            and day > (channel.as_of - 8 * DAY).date()
        ):
            story.tested.add(day)
            channel.tests[day] += 1
        doubtful = event["bracket"] == 0 or usual.n < 5
        if judged and tail <= self.probability and away >= self.least:
            story.standing = max(before, 1 if doubtful else 2)
        elif begins or tail > 5 * self.probability or away < math.log10((1 + self.multiple) / 2):
            story.standing = 0
        if story.standing == before:
            return
        verdict = "outlier" if story.standing else "retracted"
        story.detection = (event["order"], event["views"]) if story.standing else None
        reason = None
        if not story.standing and stood:
            reason = "recount" if event["views"] < stood[1] else "rejudged"
        at_age = usual.location + event["share"]
        reach = float(stats.t.ppf(0.95, usual.df)) * usual.scale
        middle = statistics.median(usual.levels or [usual.location])
        mad = statistics.median([abs(one - middle) for one in usual.levels] or [0.0])
        self.detections.append(
            {
                "order": event["order"],
                "video_id": event["video_id"],
                "channel_id": event["channel_id"],
                "views": event["views"],
                "format": event["format"],
                "age_s": (event["occurred_at"] - event["published_at"]) // dt.timedelta(seconds=1),
                "age_from_h": BREAKS_H[event["bracket"]],
                "verdict": verdict,
                "reason": reason,
                "retracts": stood[0] if stood and not story.standing else None,
                "confirms": stood[0] if stood and story.standing else None,
                "too_recent": event["bracket"] == 0,
                "insufficient_history": usual.n < 5,
                "baseline_n": usual.n,
                "baseline_median_log10": middle + event["share"],
                "baseline_mad_log10": mad,
                "expected_views": 10**at_age - 1,
                "expected_low": max(10 ** (at_age - reach) - 1, 0.0),
                "expected_high": 10 ** (at_age + reach) - 1,
                "multiple": (event["views"] + 1) / 10**at_age,
                "z": away / usual.scale,
                "tail_probability": tail,
            }
        )

    def _watch(self, series: Series, event: Event, usual: Usual) -> None:
        """One more video in the cumulative sums."""
        if usual.n < 5:
            return
        away = (event["x"] - event["share"] - usual.location) / usual.scale
        score = float(stats.norm.isf(stats.t.sf(away, usual.df)))
        step = round(min(max(score, -2.0), 2.0) * 1_000_000)
        series.up.add(step, event["published_at"])
        series.down.add(-step, event["published_at"])
        for direction, one in (("up", series.up), ("down", series.down)):
            if one.total >= 5_000_000:
                self._shift(series, event, direction, one)
                return

    def _shift(self, series: Series, event: Event, direction: str, one: Direction) -> None:
        assert one.since is not None
        levels = _compared(series, event)
        new = [a.level for a in levels if a.published >= one.since]
        after = statistics.median([*new, event["x"] - event["share"]])
        old = [a.level for a in levels if a.published < one.since]
        before = statistics.median(old) if old else after
        self.shifts.append(
            {
                "order": event["order"],
                "channel_id": event["channel_id"],
                "format": event["format"],
                "direction": direction,
                "before_log10": before,
                "after_log10": after,
                "factor": 10 ** (after - before),
                "observations": one.videos,
                "since": one.since,
                "statistic": one.total / 1_000_000,
            }
        )
        series.since = one.since
        series.up, series.down = Direction(), Direction()


def _compared(series: Series, event: Event) -> list[Addition]:
    """The newest of each other video, the newest first: 40, of those the ones on its side."""
    newest: dict[str, Addition] = {}
    for one in reversed(series.additions):
        if one.video != event["video_id"] and len(newest) < COMPARED:
            newest.setdefault(one.video, one)
    there = [one for one in newest.values() if not one.gone]
    since = series.since
    if since is None:
        return there
    new = event["published_at"] >= since
    return [one for one in there if (one.published >= since) == new]


def _format(duration: int | None) -> str:
    if duration is None:
        return "unknown"
    return "short" if duration <= 180 else "long"


def _at_level(variances: list[float], level: float) -> float:
    """Straight lines between levels 2, 3, ... 7."""
    spot = min(max(level, 2.0), 7.0) - 2
    below = min(int(spot), 4)
    return variances[below] + (variances[below + 1] - variances[below]) * (spot - below)
