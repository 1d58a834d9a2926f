"""Dead letters are driven again, each once, whatever happens to whoever drives them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from confluent_kafka import Message, Producer

from infra.dead_letters import work
from infra.dead_letters.box import Letterbox
from infra.dead_letters.turn import NotOursError, turn
from infra.dead_letters.work import Worked, drop, redrive
from infra.settings import Settings
from schemas.chunks import Chunk
from schemas.deadletters import dead_letter
from schemas.publisher import producer_config
from schemas.redrive import Copy, copy_of
from schemas.topic import Topic
from tests.chaos.independent import messages
from tests.integration.columnar.topics import Feed, create, source_topic
from tests.integration.tools.redriving import STEPS, Options

PARTITIONS = 2
AGENT, PROJECTION = "virality", "groundswell.projection.videos"


@dataclass
class Drawer:
    """A topic with dead letters of its records."""

    settings: Settings
    topic: Topic

    def records(self) -> list[Message]:
        return list(messages(self.settings, self.topic.name, PARTITIONS))

    def refuse(
        self,
        records: Sequence[Message],
        *components: str,
        reason: str = "broken",
        state: str = "",
    ) -> None:
        """As the components would."""
        producer = Producer(producer_config(self.settings.kafka_config()))
        for record in records:
            for component in components:
                letter = dead_letter(
                    chunk_of(record), 0, reason=reason, component=component, state=state
                )
                producer.produce(letter.topic, letter.value, letter.key, headers=letter.headers)
        assert producer.flush(30) == 0

    def copies(self) -> list[tuple[Copy, Message]]:
        found = ((copy_of(one.headers() or ()), one) for one in self.records())
        return [(copy, one) for copy, one in found if copy is not None]

    def assert_each_once(self, refused: Sequence[Message], *addresses: str) -> None:
        copies = self.copies()
        assert Counter(copy.of for copy, _ in copies) == Counter(map(position, refused))
        originals = {position(one): one for one in refused}
        for copy, one in copies:
            original = originals[copy.of]
            assert copy.addresses == set(addresses)
            assert (one.key(), one.value()) == (original.key(), original.value())
            assert one.partition() == original.partition()
            own = original.headers() or []
            assert (one.headers() or [])[: len(own)] == own
        assert self.open() == []

    def open(self, **options: Any) -> list[str]:
        box = Letterbox(self.settings.kafka_config(), self.topic)
        return [letter.record for letter in box.letters(**options)]

    def redrive(self, **options: Any) -> Worked:
        return redrive(self.settings, self.topic, **options)

    def start(self, **options: Any) -> subprocess.Popen[str]:
        told = Options(
            settings=self.settings, topic=self.topic.name, partitions=PARTITIONS, **options
        )
        command = [sys.executable, "-m", "tests.integration.tools.redriving"]
        return subprocess.Popen(
            [*command, told.model_dump_json()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def position(message: Message) -> str:
    return f"{message.topic()}/{message.partition()}/{message.offset()}"


def chunk_of(message: Message) -> Chunk:
    return Chunk(
        str(message.topic()),
        message.partition() or 0,
        [message.offset() or 0],
        [message.timestamp()[1]],
        [message.key()],
        [message.value()],
        [message.headers() or ()],
    )


@pytest.fixture
def drawer(stack_settings: Settings, unique: Callable[[str], str], database: str) -> Drawer:
    settings = stack_settings.model_copy(update={"database_url": database})
    topic = source_topic(unique("engagement"), PARTITIONS)
    create(settings, topic)
    producer = Producer(producer_config(settings.kafka_config()))
    for number in range(60):
        headers = [("ce_id", b"%d" % number), ("traceparent", None)]
        key = b"key %d" % number if number % 10 else None
        producer.produce(topic.name, b"value %d" % number, key, headers=headers)
    assert producer.flush(30) == 0
    return Drawer(settings, topic)


def test_a_copy_is_the_record_and_says_what_it_is(drawer: Drawer) -> None:
    refused = drawer.records()[:25]
    drawer.refuse(refused, AGENT, state="xyz")

    worked = drawer.redrive()

    assert worked == Worked(done=25)
    drawer.assert_each_once(refused, "virality@xyz")
    assert drawer.redrive() == Worked()
    assert len(drawer.copies()) == 25


def test_a_letter_that_was_sent_twice_is_driven_once(drawer: Drawer) -> None:
    refused = drawer.records()[:5]
    drawer.refuse(refused, AGENT, AGENT)
    drawer.redrive()
    drawer.refuse(refused, AGENT)  # by a worker that reads its last chunk again

    assert drawer.redrive() == Worked()
    drawer.assert_each_once(refused, AGENT)


def test_one_copy_is_for_all_who_refused_the_record(drawer: Drawer) -> None:
    first, second, third = drawer.records()[:3]
    drawer.refuse([first, second], AGENT)
    drawer.refuse([second, third], PROJECTION)

    assert drawer.redrive().done == 3

    found = {copy.of: copy.addresses for copy, _ in drawer.copies()}
    assert found == {
        position(first): {AGENT},
        position(second): {AGENT, PROJECTION},
        position(third): {PROJECTION},
    }


def test_a_component_that_refuses_later_gets_a_copy_of_its_own(drawer: Drawer) -> None:
    record = drawer.records()[:1]
    drawer.refuse(record, AGENT)
    drawer.redrive()
    drawer.refuse(record, PROJECTION)
    drawer.refuse(record, AGENT, state="made anew")

    assert drawer.redrive().done == 1

    [(first, _), (second, _)] = drawer.copies()
    assert first.addresses == {AGENT}
    assert second.addresses == {PROJECTION, f"{AGENT}@made anew"}


def test_a_copy_that_fails_again_is_a_new_letter(drawer: Drawer) -> None:
    record = drawer.records()[:1]
    drawer.refuse(record, AGENT)
    drawer.redrive()
    [(_, copy)] = drawer.copies()
    drawer.refuse([copy], AGENT, reason="still broken")

    assert drawer.open() == [position(copy)]
    assert drawer.redrive() == Worked(done=1)

    assert [found.of for found, _ in drawer.copies()] == [position(record[0]), position(copy)]
    [_, (_, again)] = drawer.copies()
    assert again.value() == record[0].value()
    names = [name for name, _ in again.headers() or ()]
    assert names == ["ce_id", "traceparent", "groundswell.redrive.of", "groundswell.redrive.for"]


def test_only_letters_with_a_reason_and_only_so_many(drawer: Drawer) -> None:
    records = drawer.records()
    drawer.refuse(records[:10], AGENT, reason="no schema 7")
    drawer.refuse(records[5:20], PROJECTION, reason="PostgreSQL refuses it")

    assert drawer.redrive(reason="NO SCHEMA", limit=8).done == 8
    assert drawer.redrive(reason="no schema").done == 2
    assert all(copy.addresses == {AGENT} for copy, _ in drawer.copies())
    assert drawer.redrive(reason="no such").done == 0
    assert len(drawer.open()) == 15


def test_dropped_letters_are_done_and_nothing_is_published(drawer: Drawer) -> None:
    records = drawer.records()[:10]
    drawer.refuse(records, AGENT)

    assert drop(drawer.settings, drawer.topic, limit=4) == Worked(done=4)
    assert drawer.redrive().done == 6

    assert len(drawer.copies()) == 6
    assert drawer.open() == []
    box = Letterbox(drawer.settings.kafka_config(), drawer.topic)
    outcomes = Counter(one.refusals[0].done for one in box.letters(done=True))
    assert outcomes == {"dropped": 4, "redriven": 6}


def test_a_record_that_cannot_be_published_stays_and_the_others_go(drawer: Drawer) -> None:
    records = drawer.records()[:3]
    drawer.refuse(records, AGENT)
    producer = Producer(producer_config(drawer.settings.kafka_config()))
    # Kafka's limit of a record is a mebibyte; the letter's topic takes more.
    large = Chunk(drawer.topic.name, 0, [10**6], [0], [b"k"], [os.urandom(1_048_500)], [()])
    elsewhere = Chunk(drawer.topic.name, 77, [3], [0], [b"k"], [b"v"], [()])
    for chunk in (large, elsewhere):
        letter = dead_letter(chunk, 0, reason="r", component=AGENT)
        producer.produce(letter.topic, letter.value, letter.key, headers=letter.headers)
    producer.produce(drawer.topic.dlq, b"somebody else's", None)
    assert producer.flush(30) == 0

    worked = drawer.redrive()

    assert (worked.done, worked.failed) == (3, 3)
    reasons = dict(one.split(": ", 1) for one in worked.first_failures)
    assert "too large" in reasons[f"{drawer.topic.name}/0/{10**6}"].lower()
    assert "partition" in reasons[f"{drawer.topic.name}/77/3"].lower()
    assert len(drawer.open()) == 3
    assert drop(drawer.settings, drawer.topic).done == 3
    assert drawer.open() == []


ONCE = ("begins", "begun", "over")  # in a redrive


@pytest.mark.parametrize(
    ("step", "count"), [(step, n) for step in STEPS for n in (1, 3) if n == 1 or step not in ONCE]
)
def test_killed_at_any_step_each_letter_is_driven_once(
    drawer: Drawer, step: str, count: int
) -> None:
    refused = drawer.records()[:40]
    drawer.refuse(refused, AGENT, PROJECTION)
    passages = 12 * count if step in ("sent", "noting") else count
    # What is struck only once is struck at the step itself, or a moment later, as chance has it.
    delay = 0.04 * random.randrange(2) if step in ONCE else 0.02 * (count - 1)
    struck = drawer.start(step=step, count=passages, delay=delay)
    _, said = struck.communicate(timeout=120)
    assert struck.returncode == -9, said

    worked = drawer.redrive()

    assert worked.failed == 0
    drawer.assert_each_once(refused, AGENT, PROJECTION)
    assert drawer.redrive() == Worked()


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_again_and_again_at_any_moment(drawer: Drawer, kills: int) -> None:
    refused = drawer.records()
    drawer.refuse(refused, AGENT)
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(kills):
        process = drawer.start(batch=4, pause=0.05)
        deadline = time.monotonic() + 120
        before = len(drawer.copies())
        while process.poll() is None and len(drawer.copies()) == before:
            assert time.monotonic() < deadline
        time.sleep(0.1 * rng.random())
        process.kill()
        process.communicate()

    drawer.redrive()

    drawer.assert_each_once(refused, AGENT)


def test_two_at_once_drive_each_letter_once(drawer: Drawer) -> None:
    refused = drawer.records()
    drawer.refuse(refused, AGENT)

    both = [drawer.start(batch=5, pause=0.02) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    assert sum(int(out.split()[0]) for out, _ in said) == len(refused)
    drawer.assert_each_once(refused, AGENT)


def test_whoever_waits_in_vain_says_so(drawer: Drawer, monkeypatch: pytest.MonkeyPatch) -> None:
    from infra.dead_letters import turn as module

    monkeypatch.setattr(module, "_PATIENCE", "100ms")
    with (
        turn(drawer.settings.dsn, drawer.topic.dlq),
        pytest.raises(NotOursError, match=f"another redrive or drop of {drawer.topic.dlq} runs"),
    ):
        drawer.redrive()


def test_without_the_lock_nothing_more_is_published(
    drawer: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    refused = drawer.records()[:10]
    drawer.refuse(refused, AGENT)
    monkeypatch.setattr(work, "BATCH", 4)

    def cut(done: int) -> None:
        with psycopg.connect(drawer.settings.dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'groundswell dlq'"
            )

    with pytest.raises(NotOursError, match="was lost"):
        drawer.redrive(progress=cut)

    assert len(drawer.copies()) == 4
    assert drawer.redrive() == Worked(done=6)
    drawer.assert_each_once(refused, AGENT)


def test_of_a_compacted_topic_only_rows_that_still_count_are_driven(
    stack_settings: Settings, unique: Callable[[str], str], database: str
) -> None:
    settings = stack_settings.model_copy(update={"database_url": database})
    # Rows of any record type will do.
    rows = replace(source_topic(unique("rows"), PARTITIONS), compacted=True)
    create(settings, rows)
    feed = Feed(settings, rows)
    feed.events(50, videos=3, repeat=1000)
    drawer = Drawer(settings, rows)
    records = drawer.records()
    newest = {one.key(): one for one in records}
    old = next(one for one in records if newest[one.key()] is not one)
    last = newest[old.key()]
    feed.raw(b"rubbish", b"no row", partition=0)
    feed.flush()
    rubbish = next(one for one in drawer.records() if one.key() == b"rubbish")
    drawer.refuse([old, last, rubbish], PROJECTION)

    worked = drawer.redrive()

    assert (worked.done, worked.superseded, worked.failed) == (1, 1, 1)
    assert "still no row of the topic: no schema id" in worked.first_failures[0]
    [(copy, _)] = drawer.copies()
    assert copy.of == position(last)
    assert drawer.open() == [position(rubbish)]
