"""Rules at work: each video once, so many an hour, dry or in force, whatever is repeated."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from projections.catalogue import PROJECTIONS
from projections.store import Store
from schemas.catalogue import OUTLIER_DETECTIONS, VIRALITY_SCORES
from schemas.chunks import Chunk
from streams.generation.policy import facts
from streams.generation.policy.policy import Policy
from streams.generation.policy.prompt import Prompt
from streams.generation.policy.rule import Condition, Rule
from streams.generation.policy.rules_file import PER_HOUR, teasers
from streams.generation.policy.sources import SCORES
from streams.generation.schema import prepare
from tests.integration.generation.test_dispatch import Outbox, a_chunk, encoded
from tests.unit.generation.policy.events import a_detection, a_score

TEASERS = teasers(5.0)
HOT = Rule(
    "hot",
    SCORES,
    (Condition("score", at_least=90.0), Condition("category", one_of=("Music",))),
    Prompt("{title} at {score:.0f}", {**SCORES.facts, **SCORES.fields}),
    {"priority": "default"},
    per_hour=2,
)


def detections(*changes: dict[str, Any], first: int = 0) -> Chunk:
    found = [encoded(2, OUTLIER_DETECTIONS, a_detection(**change)) for change in changes]
    return a_chunk(OUTLIER_DETECTIONS, [*found], first)


def scores(*changes: dict[str, Any], first: int = 0) -> Chunk:
    found = [encoded(3, VIRALITY_SCORES, a_score(**change)) for change in changes]
    return a_chunk(VIRALITY_SCORES, [*found], first)


def apply(
    dsn: str, outbox: Outbox, rules: Iterable[Rule], *chunks: Chunk, at_once: bool = False
) -> list[tuple[str, str]]:
    """Rule and video of every request published so far."""
    rules = list(rules)

    async def scenario() -> None:
        async with AsyncConnectionPool(dsn, min_size=1, max_size=8, open=False) as pool:
            policy = Policy(pool, outbox, rules[0].source, rules)
            if at_once:
                await asyncio.gather(*(policy.handle(chunk) for chunk in chunks))
            else:
                for chunk in chunks:
                    await policy.handle(chunk)

    asyncio.run(scenario())
    return [
        (record["user_id"].removeprefix("policy:"), record["source_video_id"])
        for record in outbox.published
    ]


def counted(dsn: str) -> dict[tuple[str, str], int]:
    with psycopg.connect(dsn) as conn:
        rows = conn.execute("SELECT rule, outcome, times FROM policy_outcomes").fetchall()
    return {(rule, outcome): times for rule, outcome, times in rows}


def an_hour_later(dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("UPDATE policy_requests SET requested_at = requested_at - interval '2 hours'")


@pytest.fixture
def videos(prepared: str) -> str:
    """A database in which the videos `song` and `match` are known."""
    with closing(Store(prepared, PROJECTIONS["videos"])) as store:
        store.open()
    with psycopg.connect(prepared) as conn:
        for video, title, category in (("song", "A song", "Music"), ("match", "A match", "Sport")):
            conn.execute(
                "INSERT INTO videos (video_id, channel_id, title, published_at, observed_category)"
                " VALUES (%s, 'c', %s, now(), %s)",
                [video, title, category],
            )
    return prepared


def test_a_rule_asks_once_per_video(prepared: str) -> None:
    chunk = detections(
        {"video_id": "v1"},
        {"video_id": "small", "multiple": 4.9},
        {"video_id": "young", "too_recent": True},
        {"video_id": "v2"},
        {"video_id": "v1", "multiple": 20.0},
    )
    later = detections({"video_id": "v2"}, first=50)
    asked = apply(prepared, Outbox(), [TEASERS], chunk, chunk, later)
    assert asked == [("teasers", "v1"), ("teasers", "v2")]
    assert counted(prepared) == {("teasers", "asked"): 2}


def test_rules_ask_independently_of_each_other(prepared: str) -> None:
    larger = replace(TEASERS, name="larger", conditions=(Condition("multiple", at_least=10.0),))
    chunk = detections({"video_id": "v1"}, {"video_id": "v2", "multiple": 11.0})
    outbox = Outbox()
    asked = apply(prepared, outbox, [TEASERS, larger], chunk)
    assert asked == [("teasers", "v1"), ("teasers", "v2"), ("larger", "v2")]
    assert len({record["job_id"] for record in outbox.published}) == 3


def test_a_rule_keeps_to_its_rate(prepared: str) -> None:
    chunk = detections(*({"video_id": f"v{n}"} for n in range(PER_HOUR + 9)))
    outbox = Outbox()
    asked = apply(prepared, outbox, [TEASERS], chunk)
    assert asked == [("teasers", f"v{n}") for n in range(PER_HOUR)]
    assert counted(prepared) == {("teasers", "asked"): PER_HOUR, ("teasers", "over_cap"): 9}
    an_hour_later(prepared)
    # One that was passed over is judged again when it calls again.
    assert apply(prepared, Outbox(), [TEASERS], detections({"video_id": "v25"}, first=500)) == [
        ("teasers", "v25")
    ]


def test_policies_of_several_processes_share_a_rule_s_rate(prepared: str) -> None:
    chunks = [
        replace_partition(detections(*({"video_id": f"{part}-{n}"} for n in range(8))), part)
        for part in range(4)
    ]
    asked = apply(prepared, Outbox(), [TEASERS], *chunks, at_once=True)
    assert len(asked) == len(set(asked)) == PER_HOUR


def replace_partition(chunk: Chunk, partition: int) -> Chunk:
    return Chunk(
        chunk.topic,
        partition,
        chunk.offsets,
        chunk.timestamps,
        chunk.keys,
        chunk.values,
        chunk.headers,
    )


def test_a_dry_run_asks_for_nothing_and_says_for_what_it_would(prepared: str) -> None:
    dry = replace(TEASERS, dry_run=True, per_hour=2)
    chunk = detections(*({"video_id": f"v{n}"} for n in (1, 2, 1, 3)))
    outbox = Outbox()
    assert apply(prepared, outbox, [dry], chunk, chunk) == []
    assert counted(prepared) == {("teasers", "would_ask"): 2, ("teasers", "over_cap"): 1}
    # Put in force, it asks: what was only rehearsed does not count.
    again = detections({"video_id": "v1"}, first=50)
    assert apply(prepared, outbox, [TEASERS], again) == [("teasers", "v1")]


def test_scores_ask_by_what_the_tables_know_of_the_video(
    videos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "WITHIN_SECONDS", 0.2)
    chunk = scores(
        {"video_id": "song", "score": 89.0},
        {"video_id": "song"},
        {"video_id": "match"},
        {"video_id": "nobody-knows"},
    )
    outbox = Outbox()
    assert apply(videos, outbox, [HOT], chunk) == [("hot", "song")]
    (request,) = outbox.published
    assert request["prompt"] == "A song at 91"
    assert (request["priority"], request["metadata"]) == ("default", '{"rule": "hot"}')


def test_a_video_that_is_about_to_be_known_is_waited_for(
    videos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "WITHIN_SECONDS", 60.0)

    async def scenario() -> list[str]:
        outbox = Outbox()
        async with AsyncConnectionPool(videos, open=False) as pool:
            policy = Policy(pool, outbox, SCORES, [HOT])
            judged = asyncio.ensure_future(policy.handle(scores({"video_id": "new"})))
            await asyncio.sleep(0.3)
            assert not judged.done()
            async with pool.connection() as conn:
                await conn.execute(
                    "INSERT INTO videos (video_id, channel_id, published_at, observed_category)"
                    " VALUES ('new', 'c', now(), 'Music')"
                )
            await judged
        return [record["source_video_id"] for record in outbox.published]

    assert asyncio.run(scenario()) == ["new"]


def test_a_bad_event_is_a_dead_letter_and_the_others_are_judged(prepared: str) -> None:
    good = detections({"video_id": "v1"}).values[0]
    outbox = Outbox()
    asked = apply(
        prepared, outbox, [TEASERS], a_chunk(OUTLIER_DETECTIONS, [b"\0\0\0\0\x02junk", good])
    )
    assert asked == [("teasers", "v1")]
    assert len(outbox.letters) == 1


def test_what_was_asked_for_before_there_were_rules_is_not_asked_for_again(database: str) -> None:
    prepare(database)
    with psycopg.connect(database) as conn:
        conn.execute(
            "CREATE TABLE teaser_requests"
            " (job_id text, video_id text, requested_at timestamptz);"
            "INSERT INTO teaser_requests VALUES ('j', 'v1', now());"
            "INSERT INTO dispatcher_offsets VALUES ('teaser-policy', 'outlier.detections.v1', 0, 1)"
        )
    prepare(database)
    chunk = detections({"video_id": "v0"}, {"video_id": "v1"}, {"video_id": "v2"})
    assert apply(database, Outbox(), [TEASERS], chunk) == [("teasers", "v2")]


def test_a_policy_that_is_killed_asks_again_for_the_same_jobs(prepared: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.generation.a_policy", prepared],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert counted(prepared) == {}
    outbox = Outbox()
    chunk = detections({"video_id": "v1"}, {"video_id": "v2"})
    assert len(apply(prepared, outbox, [TEASERS], chunk)) == 2
    assert [record["job_id"] for record in outbox.published] == done.stdout.splitlines()[-1].split()
    assert counted(prepared) == {("teasers", "asked"): 2}
