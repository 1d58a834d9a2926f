"""Hard moments, one at a time: the tables equal an independent fold all the same.

`make chaos` does the same at random; see `tests.chaos.projections`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import psycopg
import pytest

from infra.settings import Settings
from tests.chaos.projections.backup import Backup
from tests.chaos.projections.load import Load
from tests.chaos.projections.pipeline import Pipeline, pipeline
from tests.chaos.projections.postgres import OwnPostgres, postgres
from tests.chaos.spare import Process
from tests.chaos.strikes import Strike
from tests.integration.infra.waiting import until

NAMES = ["videos", "virality", "outliers", "jobs"]
SESSION_S = 6.0  # the least that a broker takes by default


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[OwnPostgres]:
    """A server that tests may strike, as long as it answers when they end."""
    with postgres() as server:
        yield server


@pytest.fixture
def struck(
    own_postgres: OwnPostgres, stack_settings: Settings, unique: Callable[[str], str]
) -> Iterator[Pipeline]:
    """Projections in that server."""
    with psycopg.connect(own_postgres.address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    settings = stack_settings.model_copy(update={"database_url": own_postgres.address})
    with pipeline(settings, unique("f"), NAMES, session=SESSION_S) as running:
        yield running


@pytest.fixture
def running(
    stack_settings: Settings, unique: Callable[[str], str], database: str
) -> Iterator[Pipeline]:
    """Projections in a database of the server that all tests share."""
    settings = stack_settings.model_copy(update={"database_url": database})
    with pipeline(settings, unique("f"), NAMES, session=SESSION_S) as running:
        yield running


def load(pipeline: Pipeline) -> Load:
    return Load(pipeline.settings, pipeline.topics, keys=300)


def wait_until_caught_up(pipeline: Pipeline) -> None:
    until(pipeline.caught_up, "the projectors to catch up")


def wait_until_said(pipeline: Pipeline, projector: Process, text: str, times: int = 1) -> None:
    until(lambda: pipeline.log(projector).count(text) >= times, f"{text!r} in its log")


def assert_exact(pipeline: Pipeline) -> None:
    pipeline.end()
    expected = pipeline.recount()
    verdict = pipeline.verdict(expected)
    assert verdict.wrong == {}
    assert (verdict.lost, verdict.doubled) == (0, 0)
    assert all(expected.tables.values())
    assert expected.bad


def test_a_projector_that_slept_within_a_transaction_keeps_nobody_waiting_and_writes_nothing(
    running: Pipeline,
) -> None:
    """It holds the checkpoint's row when it falls asleep, and the group gives it up."""
    events = load(running)
    events.publish(1_000)
    sleeper = running.start_projector(
        strikes=[Strike(step="checkpoint moved", count=4, signal=signal.SIGSTOP)]
    )
    until(lambda: running.is_stopped(sleeper), "the projector to fall asleep")
    running.start_projector()
    events.publish(1_000)
    wait_until_caught_up(running)
    assert running.is_stopped(sleeper)
    sleeper.send_signal(signal.SIGCONT)
    wait_until_said(running, sleeper, "projection waits")
    events.publish(1_000)
    wait_until_caught_up(running)
    assert_exact(running)


def test_two_projectors_that_do_not_know_of_each_other_share_the_tables(running: Pipeline) -> None:
    """Each is given every partition: by mistake in another group."""
    events = load(running)
    pair = [running.start_projector(), running.start_projector(stranger="-other")]
    for projector in pair:
        wait_until_said(running, projector, "projection runs", times=len(NAMES))
    for _ in range(20):
        events.publish(150)
    wait_until_caught_up(running)
    assert_exact(running)


def test_commits_that_a_killed_postgresql_forgot_are_made_again(
    struck: Pipeline, own_postgres: OwnPostgres
) -> None:
    events = load(struck)
    projector = struck.start_projector()
    events.publish(1_000)
    wait_until_caught_up(struck)
    for _ in range(10):  # unless all was written to disk a moment before
        events.publish(500)
        wait_until_caught_up(struck)
        events.publish(200)
        before = struck.checkpoints()
        own_postgres.kill()
        projector.send_signal(signal.SIGSTOP)
        own_postgres.start()
        after = struck.checkpoints()
        projector.send_signal(signal.SIGCONT)
        if sum(after.values()) < sum(before.values()):
            break
    else:
        pytest.fail("nothing was forgotten: the test tests nothing")
    wait_until_caught_up(struck)
    assert_exact(struck)


def test_a_restored_backup_that_is_older_than_the_log_catches_up(
    struck: Pipeline, own_postgres: OwnPostgres
) -> None:
    events = load(struck)
    struck.start_projector()
    events.publish(1_000)
    wait_until_caught_up(struck)
    backup = Backup(own_postgres, struck.settings.home)
    assert backup.take()
    events.publish(1_000)
    wait_until_caught_up(struck)
    stood = struck.checkpoints()
    projector = struck.running()[0]
    projector.send_signal(signal.SIGSTOP)
    backup.restore()
    assert sum(struck.checkpoints().values()) < sum(stood.values())
    projector.send_signal(signal.SIGCONT)
    events.publish(500)
    wait_until_caught_up(struck)
    assert_exact(struck)
