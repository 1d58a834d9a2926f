"""After a redrive the totals of agents and of projections are right, also of those built anew."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from infra.dead_letters.box import Letterbox
from infra.dead_letters.work import redrive
from infra.replay import replay
from infra.settings import Settings
from projections.projection import Projection, Source
from projections.run import run
from schemas.codec import Codec
from schemas.personal.sealer import Sealer
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.sql import Statements
from tests.chaos import pipeline as chaos
from tests.chaos.independent import last_rows
from tests.integration.columnar.topics import create, output_topic, source_topic
from tests.integration.infra.waiting import until
from tests.integration.tools.test_redrive import Drawer
from tests.unit.schemas.person_keys import MemoryKeys

PARTITIONS = 2
VIDEOS = 7
EVENTS = 600
# What the first release does not take: the agent these times, the table that device.
ROUND_MS = 15
BROKEN = "broken"

# Rows by event, so that an event that is applied twice changes nothing.
SQL = """
-- name: tables
CREATE TABLE IF NOT EXISTS {name} (
    event_id text PRIMARY KEY,
    video_id text NOT NULL,
    watch_ms bigint,
    device text
);

-- name: drop
DROP TABLE IF EXISTS {name};

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_seen (
    event_id text, video_id text, watch_ms bigint, device text
) ON COMMIT DELETE ROWS;

-- name: upsert
INSERT INTO {name} SELECT event_id, video_id, watch_ms, device FROM staged_seen
ON CONFLICT (event_id) DO NOTHING;
"""


@dataclass
class House:
    """A topic with an agent and a projection, both of which refuse some of it."""

    settings: Settings
    agent: chaos.Pipeline
    folder: Path
    registry: Registry

    def projection(self, name: str) -> Projection:
        file = self.folder / f"{name}.sql"
        file.write_text(SQL.format(name=name))
        source = Source(
            self.agent.source,
            ("event_id", "video_id", "watch_ms", "device"),
            lambda events: {
                "seen": events.unique("event_id").select(
                    "event_id", "video_id", "watch_ms", "device"
                )
            },
            ("upsert",),
        )
        return Projection(f"{name}-{self.agent.source.name}", 1, Statements(file), (source,))

    @contextmanager
    def projecting(self, name: str) -> Iterator[None]:
        stop = Event()
        arguments = (self.settings, [self.projection(name)], self.registry, stop)
        thread = Thread(target=run, args=arguments)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def wait_until_projected(self, name: str) -> None:
        def projected() -> bool:
            found = self.rows(
                "SELECT partition, next_offset FROM projection_checkpoints"
                f" WHERE projection = '{self.projection(name).name}' ORDER BY partition"
            )
            return [end for _, end in found] == self.agent.ends(self.agent.source)

        until(projected, f"projection {name} to catch up")

    def wait_until_folded(self) -> None:
        until(self.agent.caught_up, "the agent to catch up")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.settings.dsn) as connection:
            return connection.execute(query.encode()).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.settings.dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    def counted(self) -> dict[str, tuple[int, int]]:
        """Views and watch_ms per video as the agent has them."""
        output = self.agent.output
        found = last_rows(self.settings, output.name, output.schema, PARTITIONS)
        return {video: (row["views"], row["watch_ms"]) for (_, video), row in found.items()}

    def tabled(self, name: str) -> dict[str, tuple[int, int]]:
        """The same as the table has them."""
        found = self.rows(
            f"SELECT video_id, count(*), sum(watch_ms)::bigint FROM {name} GROUP BY video_id"
        )
        return {video: (count, watched) for video, count, watched in found}

    def replayed(self) -> dict[str, tuple[int, int]]:
        """The same as an analyst counts them."""
        import polars as pl

        rows = replay(self.agent.source, settings=self.settings).collect()
        totals = rows.group_by("video_id").agg(pl.len(), pl.col("watch_ms").sum())
        return {video: (count, watched) for video, count, watched in totals.rows()}

    def refused(self) -> dict[str, set[str]]:
        """Who could not use which records."""
        box = Letterbox(self.settings.kafka_config(), self.agent.source)
        return {
            letter.record: {refusal.component for refusal in letter.refusals}
            for letter in box.letters()
        }


@pytest.fixture
def house(
    stack_settings: Settings,
    unique: Callable[[str], str],
    database: str,
    tmp_path: Path,
) -> Iterator[House]:
    settings = stack_settings.model_copy(
        update={"database_url": database, "groundswell_home": tmp_path, "flush_seconds": 0.2}
    )
    source, output = source_topic(unique("engagement")), output_topic(unique("scores"))
    create(settings, source, output)
    agent = chaos.Pipeline(settings, source, output, tmp_path, horizon=0)
    agent.options["session"] = 6.0  # the shortest that brokers allow unless told otherwise
    with chaos.ending(agent), Registry(settings.registry_config()) as registry:
        yield House(settings, agent, tmp_path, registry)


def events(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Views; some that the agent will not take, some that the table will not, some neither."""
    return [
        {
            "event_id": f"e{number}",
            "occurred_at": dt.datetime(2026, 5, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=number),
            "video_id": f"v{number % VIDEOS}",
            "channel_id": "c",
            "viewer_id": f"u{number}",
            "session_id": None,
            "kind": "view",
            "watch_ms": number,
            "country": None,
            "device": BROKEN if number % 25 == 0 else None,
            "source": None,
        }
        for number in range(first, first + count)
    ]


def truth(published: Sequence[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    totals: dict[str, tuple[int, int]] = {}
    for event in published:
        views, watched = totals.get(event["video_id"], (0, 0))
        totals[event["video_id"]] = views + 1, watched + event["watch_ms"]
    return totals


def publish(house: House, published: Sequence[dict[str, Any]]) -> None:
    kafka, codec = house.settings.kafka_config(), Codec(house.registry)
    publisher = Publisher(kafka, codec, source="tests", sealer=Sealer(MemoryKeys()))
    for event in published:
        publisher.publish(house.agent.source, event)
    publisher.flush()


@pytest.mark.parametrize("horizon", [3, pytest.param(5_000, marks=pytest.mark.slow)])
def test_totals_are_right_after_a_redrive_that_was_killed(house: House, horizon: int) -> None:
    agent = house.agent
    agent.horizon = horizon
    drawer = Drawer(house.settings, agent.source)
    published = events(EVENTS)

    # A release with faults reads everything, and refuses some of it.
    module = "tests.integration.tools.refusing_worker"
    faulty = agent.start(module, str(ROUND_MS), agent.said().model_dump_json())
    with house.projecting("seen"):
        until(lambda: house.rows("SELECT to_regclass('seen')") != [(None,)], "the table")
        house.execute(f"ALTER TABLE seen ADD CONSTRAINT fault CHECK (device <> '{BROKEN}')")
        publish(house, published)
        house.wait_until_projected("seen")
        house.wait_until_folded()
    agent.kill(faulty)
    taken = [event for event in published if event["watch_ms"] % ROUND_MS]
    stored = [event for event in published if event["device"] != BROKEN]
    assert house.counted() == truth(taken)
    assert house.tabled("seen") == truth(stored)
    components = list(house.refused().values())
    projector = house.projection("seen").group
    assert components.count({agent.source.name}) == 40 - 8
    assert components.count({projector}) == 24 - 8
    assert components.count({agent.source.name, projector}) == 8

    # The next release has none; its letters are driven again, twice cut off.
    house.execute("ALTER TABLE seen DROP CONSTRAINT fault")
    fixed = agent.start_worker()
    for step, count in (("sent", 10), ("acknowledged", 2)):
        struck = drawer.start(step=step, count=count)
        _, said = struck.communicate(timeout=120)
        assert struck.returncode == -9, said
    with house.projecting("seen"):
        worked = redrive(house.settings, agent.source)
        assert worked.found == 7
        house.wait_until_projected("seen")
        house.wait_until_folded()
        # A worker that was killed reads copies again.
        agent.kill(fixed)
        publish(house, more := events(50, EVENTS + 1))
        fixed = agent.start_worker()
        house.wait_until_projected("seen")
        house.wait_until_folded()
    everything = [*published, *more]
    refused_since = {event["event_id"] for event in more if event["device"] == BROKEN}
    assert refused_since  # the constraint is gone: they are in the table
    assert house.counted() == truth(everything)
    assert house.tabled("seen") == truth(everything)
    assert house.replayed() == truth(everything)
    assert house.refused() == {}
    assert len(drawer.copies()) == 40 + 24 - 8

    # Whoever folds the log anew reads the records themselves: the copies are not for it.
    agent.kill(fixed)
    forget(house)
    agent.start_worker()
    with house.projecting("again"):
        house.wait_until_projected("again")
        house.wait_until_folded()
    assert house.counted() == truth(everything)
    assert house.tabled("again") == truth(everything)
    assert house.refused() == {}


def forget(house: House) -> None:
    """The agent's state and its group, as somebody does who counts from zero."""
    admin = AdminClient({**house.settings.kafka_config(), "log_level": "0"})
    output, group = house.agent.output, f"groundswell.{house.agent.source.name}"
    _until_done(lambda: admin.delete_consumer_groups([group])[group].result())
    admin.delete_topics([output.name], operation_timeout=30)[output.name].result()
    topic = NewTopic(output.name, output.partitions, 1, config=output.config())
    _until_done(lambda: admin.create_topics([topic])[output.name].result())


def _until_done(job: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            job()
            return
        except KafkaException:  # a killed member is one until its session is over
            assert time.monotonic() < deadline
            time.sleep(0.3)
