"""A person is forgotten: unreadable everywhere, and no figure changes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import re
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from psycopg import sql

from infra.settings import Settings
from projections.engine import Engine
from projections.virality import VIRALITY
from schemas.catalogue import ENGAGEMENT, TOPICS
from schemas.personal.keys import CACHE_SECONDS
from schemas.personal.sealed import is_sealed
from schemas.registry import Registry
from tests.acceptance.conftest import CLI, Platform, environment
from tests.chaos import pipeline as chaos
from tests.chaos.independent import last_rows, messages
from tests.integration.columnar.topics import create, output_topic

ROOT = Path(__file__).parents[2]
TOTALS = ("views", "likes", "comments", "unique_viewers", "watch_ms", "score", "at_as_of")
_COORDINATES = {"applied_offset", "generation"}


@dataclasses.dataclass(frozen=True)
class People:
    """Who watched what in this test; no other test has these names."""

    gone: str
    stays: str
    videos: list[str]


@dataclasses.dataclass(frozen=True)
class Forgetting:
    """What the command said, and when (as `time.monotonic` counts) it was done."""

    said: dict[str, Any]
    at: float


@pytest.fixture(scope="module")
def settings(platform: Platform) -> Settings:
    return platform.settings


@pytest.fixture(scope="module")
def people(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> People:
    """Events of a person who will be forgotten and of others, through both doors."""
    mark = uuid.uuid4().hex[:12]
    found = People(f"gone-{mark}", f"stays-{mark}", [f"erasure-{mark}-{n}" for n in range(3)])
    lines = [
        {
            "event_id": f"{mark}-{number}",
            "occurred_at": (dt.datetime.now(dt.UTC) - dt.timedelta(minutes=number)).isoformat(),
            "video_id": found.videos[number % 3],
            "channel_id": "erasure",
            "viewer_id": viewer,
            "session_id": f"{viewer}/visit-{number % 2}",
            "kind": ("view", "like", "comment", "view")[number % 4],
            "watch_ms": 1000,
        }
        for number, viewer in enumerate([found.gone, found.stays, f"other-{mark}"] * 20)
    ]
    answer = platform.api.post(f"/api/v1/events/{ENGAGEMENT.name}", json=lines[:30])
    assert answer.status_code == 202, answer.text
    path = tmp_path_factory.mktemp("people") / "events.ndjson"
    path.write_text("\n".join(map(json.dumps, lines[30:])))
    platform.groundswell("ingest", str(path), "--format", "events")
    platform.settle()
    return found


@pytest.fixture(scope="module")
def before(platform: Platform, people: People) -> dict[str, Any]:
    return figures(platform, people)


@pytest.fixture(scope="module")
def forgotten(platform: Platform, people: People, before: dict[str, Any]) -> Forgetting:
    done = platform.groundswell("forget", people.gone, "--json")
    return Forgetting(json.loads(done.stdout), time.monotonic())


def figures(platform: Platform, people: People) -> dict[str, Any]:
    found = {video: platform.get(f"/virality/{video}") for video in people.videos}
    return {video: {name: row[name] for name in TOTALS} for video, row in found.items()}


def replayed(platform: Platform, people: People, out: Path, *options: str) -> pl.DataFrame:
    platform.groundswell("replay", ENGAGEMENT.name, "--out", str(out), *options)
    frame = pl.read_parquet(out).filter(pl.col("video_id").is_in(people.videos))
    return frame.sort("event_id")


def whole_log(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Every byte of every record, decompressed."""
    for topic in TOPICS.values():
        for name, partitions in ((topic.name, topic.partitions), (topic.dlq, 1)):
            for message in messages(settings, name, partitions):
                headers = b"".join(value or b"" for _, value in message.headers() or ())
                yield name, (message.key() or b"") + (message.value() or b"") + headers


def files(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of the broker and of the processes' logs, as it is on disk.

    Holes are left out: they are zeros, and there are gigabytes of them in the broker's indices.
    """
    for folder in (home / "data" / "kafka", home / "logs"):
        for path in folder.rglob("*"):
            if path.is_file():
                yield from ((str(path), piece) for piece in written(path))


def written(path: Path) -> Iterator[bytes]:
    """The parts of a file between its holes."""
    with path.open("rb") as file:
        end = 0
        with suppress(OSError):  # ENXIO: nothing but a hole is left
            while True:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
                end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
                yield os.pread(file.fileno(), end - start, start)


def tables(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every row of every table, as text."""
    with psycopg.connect(settings.dsn) as connection:
        names = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname NOT LIKE 'pg\\_%' AND schemaname <> 'information_schema'"
        ).fetchall()
        for schema, name in names:
            query = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(schema, name))
            for (row,) in connection.execute(query):
                yield f"{schema}.{name}", row


def holders(settings: Settings, home: Path, *texts: str) -> list[set[str]]:
    """Of each text where it stands in plain (or, of bytes in a table, as hexadecimal digits)."""
    found: dict[str, set[str]] = {text: set() for text in texts}
    for place, content in chain(whole_log(settings), files(home)):
        for text, places in found.items():
            if text.encode() in content:
                places.add(place)
    for place, row in tables(settings):
        lowered = row.lower()
        for text, places in found.items():
            if text in row or text.encode().hex() in lowered:
                places.add(place)
    return list(found.values())


def test_nobody_s_id_is_anywhere_in_plain_even_before_anybody_is_forgotten(
    platform: Platform, settings: Settings, people: People
) -> None:
    # A damaged copy of a sealed event: it comes past the door and becomes a dead letter.
    [sealed] = [
        message
        for message in messages(settings, ENGAGEMENT.name, ENGAGEMENT.partitions)
        if message.key() == people.videos[0].encode()
    ][:1]
    letters = f"{ENGAGEMENT.name}.dlq"
    count = sum(1 for _ in messages(settings, letters, 1))
    producer = Producer(settings.kafka_config())
    producer.produce(ENGAGEMENT.name, sealed.value() + b"too long", sealed.key())
    producer.produce(ENGAGEMENT.name, b"\0", b"a control that the search must find")
    producer.flush()
    platform.settle()
    assert sum(1 for _ in messages(settings, letters, 1)) >= count + 2

    control = "a control that the"
    gone, stays, controls, videos = holders(
        settings, platform.home, people.gone, people.stays, control, people.videos[0]
    )
    assert gone == stays == set()
    assert {ENGAGEMENT.name, letters} <= controls
    assert videos > {ENGAGEMENT.name, "public.virality_scores"}


def test_the_log_shows_sealed_values_unless_they_are_to_be_revealed(
    platform: Platform, people: People, before: dict[str, Any], tmp_path: Path
) -> None:
    sealed = replayed(platform, people, tmp_path / "sealed.parquet")
    assert sealed.height == 60
    assert all(map(is_sealed, [*sealed["viewer_id"], *sealed["session_id"]]))
    assert sealed["viewer_id"].n_unique() == 3  # equal ids stay equal
    assert before[people.videos[0]]["unique_viewers"] <= 3


def test_forgetting_a_person_says_what_it_did_and_can_be_repeated(
    platform: Platform, people: People, forgotten: Forgetting
) -> None:
    assert forgotten.said == {"forgotten": True, "jobs_in_plain": 0}
    again = platform.groundswell("forget", people.gone, "--json")
    assert json.loads(again.stdout)["forgotten"] is False
    nobody = platform.groundswell("forget", "a person nobody has heard of")
    assert "no key" in nobody.stdout
    assert platform.groundswell("forget", ok=False).returncode == 2
    assert platform.groundswell("forget", " ", ok=False).returncode == 2


def test_no_figure_changes(
    platform: Platform, people: People, before: dict[str, Any], forgotten: Forgetting
) -> None:
    assert figures(platform, people) == before
    assert sum(row["views"] for row in before.values()) == 30


def test_replays_show_the_others_and_null_for_the_forgotten(
    platform: Platform, people: People, forgotten: Forgetting, tmp_path: Path
) -> None:
    out = tmp_path / "revealed.parquet"
    done = platform.groundswell("replay", ENGAGEMENT.name, "--out", str(out), "--reveal", "--json")
    facts = json.loads(done.stdout)
    assert facts["forgotten"] >= 40  # other runs on this platform may have forgotten others
    assert facts["tampered"] == 0
    frame = pl.read_parquet(out).filter(pl.col("video_id").is_in(people.videos))
    counts = dict(frame["viewer_id"].value_counts().iter_rows())
    assert counts[None] == counts[people.stays] == 20
    assert people.gone not in counts
    assert frame.filter(pl.col("viewer_id").is_null())["session_id"].null_count() == 20
    visits = frame.filter(pl.col("viewer_id") == people.stays)["session_id"]
    assert set(visits) == {f"{people.stays}/visit-{n}" for n in range(2)}
    sealed = replayed(platform, people, tmp_path / "sealed.parquet")
    assert sealed.height == 60
    assert sealed["viewer_id"].n_unique() == 3


def test_tables_folded_again_from_the_log_are_the_same(
    settings: Settings, people: People, forgotten: Forgetting
) -> None:
    again = dataclasses.replace(VIRALITY, name=f"again-{uuid.uuid4().hex[:8]}")
    schema = again.name.replace("-", "_")
    stop = threading.Event()
    with Registry(settings.registry_config()) as registry:
        engine = Engine(
            again,
            kafka=settings.kafka_config(),
            dsn=settings.dsn,
            registry=registry,
            publisher=lambda: pytest.fail("a dead letter"),
            scratch=settings.scratch,
            schema=schema,
        )
        thread = threading.Thread(target=engine.run, args=(stop,))
        thread.start()
        try:
            deadline = time.monotonic() + 120
            while (rows := scores(settings, schema, people)) != scores(settings, "public", people):
                assert time.monotonic() < deadline, rows
                time.sleep(0.3)
        finally:
            stop.set()
            thread.join()
    assert len(rows) == 3
    with psycopg.connect(settings.dsn) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def scores(settings: Settings, schema: str, people: People) -> list[Any]:
    query = sql.SQL(
        "SELECT video_id, views, unique_viewers, score, views_24h, as_of FROM {}"
        " WHERE video_id = ANY(%s) ORDER BY video_id"
    ).format(sql.Identifier(schema, "virality_scores"))
    with psycopg.connect(settings.dsn) as connection:
        try:
            return connection.execute(query, [people.videos]).fetchall()
        except psycopg.errors.UndefinedTable:
            return []


def test_an_agent_that_folds_the_log_from_zero_comes_to_the_same_rows(
    settings: Settings, people: People, forgotten: Forgetting, tmp_path: Path
) -> None:
    output = output_topic(f"again-{uuid.uuid4().hex[:8]}", ENGAGEMENT.partitions)
    create(settings, output)
    pipeline = chaos.Pipeline(
        settings.model_copy(update={"groundswell_home": tmp_path}),
        ENGAGEMENT,
        output,
        tmp_path,
        settings.duplicate_horizon,
    )
    with chaos.ending(pipeline):
        pipeline.start_worker()
        deadline = time.monotonic() + 120
        while not pipeline.caught_up():
            assert time.monotonic() < deadline
            time.sleep(0.3)
    first, second = (
        last_rows(settings, name, output.schema, output.partitions)
        for name in ("virality.scores.v1", output.name)
    )
    ours = {place for place in first if place[1] in people.videos}
    assert len(ours) == 3
    for place in ours:
        for name in first[place].keys() - _COORDINATES:
            # Sums of decayed views may differ in their last bit: other chunks, another order.
            exact = second[place][name]
            wanted = pytest.approx(exact, rel=1e-12) if isinstance(exact, float) else exact
            assert first[place][name] == wanted, name
    AdminClient(settings.kafka_config()).delete_topics([output.name, output.dlq])


def test_a_person_who_comes_back_is_somebody_new(
    platform: Platform,
    people: People,
    forgotten: Forgetting,
    tmp_path: Path,
    until: Callable[..., Any],
) -> None:
    old = set(replayed(platform, people, tmp_path / "old.parquet")["viewer_id"])
    # The API may remember the old key for so long.
    time.sleep(max(0.0, forgotten.at + CACHE_SECONDS - time.monotonic()))
    event = {
        "video_id": people.videos[0],
        "channel_id": "erasure",
        "viewer_id": people.gone,
        "kind": "share",
    }
    answer = platform.api.post(f"/api/v1/events/{ENGAGEMENT.name}", json=event)
    assert answer.status_code == 202, answer.text
    sealed = replayed(platform, people, tmp_path / "new.parquet")
    assert len(set(sealed["viewer_id"]) - old) == 1
    revealed = replayed(platform, people, tmp_path / "open.parquet", "--reveal")
    mine = revealed.filter(pl.col("viewer_id") == people.gone)
    assert mine["kind"].to_list() == ["share"]
    platform.groundswell("forget", people.gone)


def test_events_of_the_privacy_page_are_published(platform: Platform) -> None:
    page = (ROOT / "docs" / "privacy.md").read_text()
    [block] = re.findall(r"```python\n(import httpx.*?)```", page, re.DOTALL)
    status = platform.facts()
    exec(compile(block, "privacy.md", "exec"), {"API": status["api"], "KEY": status["admin_key"]})


def test_a_wrong_secret_is_said_in_one_line(platform: Platform, people: People) -> None:
    done = subprocess.run(
        [str(CLI), "forget", people.stays],
        env={**environment(platform.home), "PERSONAL_DATA_SECRET": "not the one " * 4},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "PERSONAL_DATA_SECRET is not the one" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
