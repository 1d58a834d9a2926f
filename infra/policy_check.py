"""What rules would have asked for: the log judged again, and nothing asked for."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import psycopg

from infra.replay.frame import source as log_of
from infra.replay.source import Tally
from infra.settings import Settings
from streams.generation.jobs.validation import problems
from streams.generation.policy.facts import facts_frame, facts_statement
from streams.generation.policy.rule import Rule
from streams.generation.policy.sources import SOURCES, Source

_HOUR = dt.timedelta(hours=1)


@dataclass
class Verdict:
    """What a rule would have done.

    Attributes:
        events: of its source that were looked at.
        videos: that called for a video.
        would_ask: requests; the others were over the cap (when they last called) or unfit.
        over_cap, unfit: videos.
        requests: those requests, in their order, with `at`: when the log received the event.
    """

    rule: str
    source: str
    dry_run: bool
    events: int = 0
    videos: int = 0
    would_ask: int = 0
    over_cap: int = 0
    unfit: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)


def check(settings: Settings, rules: Sequence[Rule], since: dt.datetime) -> list[Verdict]:
    """Judge what the log received since then.

    As the policy would have, with three differences: the instant of a judgement is when the log
    received the event; what the tables know of a video is what they know now; and of a compacted
    topic (scores) the log has only the newest rows of each video.

    Raises:
        LogReadError: the log cannot be read.
        psycopg.OperationalError: PostgreSQL cannot be reached; only where rules need it.
    """
    verdicts = []
    for source in SOURCES.values():
        its_own = [rule for rule in rules if rule.source is source]
        if its_own:
            verdicts += _of_source(settings, source, its_own, since)
    return sorted(verdicts, key=lambda verdict: [rule.name for rule in rules].index(verdict.rule))


def _of_source(
    settings: Settings, source: Source, rules: Sequence[Rule], since: dt.datetime
) -> list[Verdict]:
    columns = list(dict.fromkeys([*source.columns, "_timestamp", "_partition", "_offset"]))
    # One pass for all rules, in bounded memory: what calls for nothing is dropped as it is read.
    calls = pl.any_horizontal([rule.calls(pl.col("_timestamp")) for rule in rules])
    tally = Tally()
    events = log_of(settings, source.topic, since=since).lazy(tally).select(columns)
    found = events.filter(calls).collect(engine="streaming")
    found = found.sort("_timestamp", "_partition", "_offset")
    facts = _facts(settings, rules, found)
    return [_verdict(rule, found, facts, tally.rows) for rule in rules]


def _facts(settings: Settings, rules: Sequence[Rule], found: pl.DataFrame) -> pl.DataFrame:
    if found.is_empty() or not any(rule.needs_facts for rule in rules):
        return facts_frame([])
    ids = found["video_id"].unique().to_list()
    with psycopg.connect(settings.dsn, connect_timeout=5) as connection:
        try:
            return facts_frame(connection.execute(facts_statement(), {"ids": ids}).fetchall())
        except psycopg.errors.UndefinedTable:
            return facts_frame([])


def _verdict(rule: Rule, found: pl.DataFrame, facts: pl.DataFrame, events: int) -> Verdict:
    verdict = Verdict(rule.name, rule.source.name, rule.dry_run, events)
    called = found.filter(rule.calls(pl.col("_timestamp")))
    if rule.needs_facts:
        names = [name for name in facts.columns if name in rule.source.facts]
        called = called.join(
            facts.select("video_id", *names), on="video_id", how="left", maintain_order="left"
        )
        called = rule.confirmed(called)
    asked: dict[str, bool] = {}  # by video: whether it was asked for
    unfit: set[str] = set()
    hour: deque[dt.datetime] = deque()
    for row in called.iter_rows(named=True):
        video, at = row["video_id"], row["_timestamp"]
        if asked.get(video):
            continue
        request = rule.request_for(row, at)
        if problems(request):
            unfit.add(video)
            continue
        while hour and hour[0] <= at - _HOUR:
            hour.popleft()
        asked[video] = len(hour) < rule.per_hour
        if asked[video]:
            hour.append(at)
            verdict.requests.append({"at": at, **request})
    verdict.videos = len(asked.keys() | unfit)
    verdict.would_ask = len(verdict.requests)
    verdict.over_cap = sum(not there for there in asked.values())
    verdict.unfit = len(unfit - asked.keys())
    return verdict
