"""What has become of jobs, by their stories and by what their provider was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import Connection

from streams.decisions.queries import queries

_SQL = queries(Path(__file__).with_name("verdict.sql"))


@dataclass
class Verdict:
    """What is wrong.

    Attributes:
        unfinished: jobs that did not end as completed.
        ended_again: ends after the first, of all jobs.
        called_again: calls of the provider after the first, of all attempts.
        unannounced: calls for attempts that are in no story.
        left: entries of the queue that nobody will take any more, or somebody still might.
        torn: stories whose versions are not 1, 2, 3 ...
    """

    unfinished: int = 0
    ended_again: int = 0
    called_again: int = 0
    unannounced: int = 0
    left: int = 0
    torn: int = 0
    wrong: list[str] = field(default_factory=list)


def judge(conn: Connection[Any], jobs: Iterable[str], calls: Iterable[str]) -> Verdict:
    """Hold what is recorded against what has to be.

    Args:
        jobs: those that were asked for.
        calls: keys of attempts (`job:attempt`) in the order of the provider's calls.
    """
    stories = {
        job: (completed, ends, torn, set(attempts))
        for job, completed, ends, torn, attempts in conn.execute(_SQL["stories"]).fetchall()
    }
    verdict = Verdict()
    for job in jobs:
        completed, ends, torn, _ = stories.get(job, (0, 0, False, set()))
        verdict.unfinished += completed != 1
        verdict.ended_again += max(0, ends - 1)
        verdict.torn += torn
        if completed != 1 or ends != 1 or torn:
            verdict.wrong.append(f"{job}: {completed} completed, {ends} ends, torn: {torn}")
    counted = Counter(calls)
    for key, times in counted.items():
        job, _, attempt = key.rpartition(":")
        verdict.called_again += times - 1
        announced = int(attempt) in stories.get(job, (0, 0, False, set()))[3]
        verdict.unannounced += not announced
        if times > 1 or not announced:
            verdict.wrong.append(f"{key}: called {times} times, announced: {announced}")
    row = conn.execute(_SQL["left"]).fetchone()
    verdict.left = row[0] if row is not None else 0
    return verdict
