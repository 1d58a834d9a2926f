"""Ends of jobs told to whoever asked, over a real queue and a real receiver."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

from infra.dead_letters.box import Letter, Letterbox
from infra.dead_letters.work import redrive
from infra.provision import provision
from infra.settings import NoStackError, Settings
from infra.supervisor.environment import as_environment
from schemas.catalogue import WEBHOOK_DELIVERIES
from schemas.codec import Codec
from schemas.publisher import Publisher, PublishError
from schemas.registry import Registry
from streams.columnar.kafka.log import chunks, slices
from streams.decisions.decider import Refused
from streams.generation.dispatch.redelivery import Redelivery
from streams.generation.jobs import commands
from streams.generation.jobs.job_commands import Cancel, Complete, FailAttempt, Queue, StartAttempt
from streams.generation.work.webhook_worker import main, run
from streams.webhooks.delivery import QUEUE, Delivery, defer
from streams.webhooks.signing import check
from tests.integration.generation.a_webhook_worker import KEY
from tests.integration.generation.a_worker import PULSE
from tests.integration.generation.stories import connect, until
from tests.integration.generation.test_dispatch import Outbox
from tests.unit.generation.requests import NOW, queued
from tests.unit.webhooks.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


async def lived(dsn: str, job_id: str, *wishes: Any, **changes: Any) -> None:
    """A job to which all that happened."""
    async with await connect(dsn) as conn:
        for wish in (Queue(NOW, queued(**changes)), *wishes):
            await commands.decide(conn, job_id, wish)


def started() -> StartAttempt:
    return StartAttempt(NOW, "local", "m", "token", "w")


def completed() -> Complete:
    return Complete(NOW, "token", "videos/j/1.mp4", "videos/j/1.jpg", 9, "ab", 1.5, 2.5)


def deliver(dsn: str, publisher: Publisher | None = None, **options: Any) -> None:
    """Make every try that is due."""
    asyncio.run(run(dsn, (KEY,), publisher or Outbox(), private=True, until_idle=True, **options))


def waiting(dsn: str) -> int:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = %s", (QUEUE,)
        ).fetchone()
    assert row is not None
    return int(row[0])


def due_now(dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE queue_name = %s", (QUEUE,)
        )


def test_the_end_of_a_job_is_told_once_and_nothing_is_left(
    prepared: str, receiver: Receiver
) -> None:
    url = receiver.url
    metadata = '{"order": 7}'

    async def scenario() -> None:
        await lived(prepared, "done", started(), completed(), webhook_url=url, metadata=metadata)
        failed = FailAttempt(NOW, "token", "no room", retryable=False, seed=1)
        await lived(prepared, "failed", started(), failed, webhook_url=url)
        await lived(prepared, "cancelled", Cancel(NOW, "changed my mind"), webhook_url=url)
        await lived(prepared, "running", started(), webhook_url=url)
        await lived(prepared, "silent", started(), completed())
        async with await connect(prepared) as conn:
            refused = Queue(NOW, queued(webhook_url=url), refusal="the quota is used up")
            await commands.decide(conn, "refused", refused)
            with pytest.raises(Refused):
                await commands.decide(conn, "done", Cancel(NOW, "too late"))

    asyncio.run(scenario())
    deliver(prepared)
    told = {}
    for got in receiver.got:
        check([KEY], got.headers, got.body, dt.datetime.now(dt.UTC))
        said = json.loads(got.body)
        told[said["data"]["job_id"]] = said
        assert said["timestamp"] == NOW.isoformat()
    assert len(receiver.got) == len(told) == 4
    assert {job_id: said["type"] for job_id, said in told.items()} == {
        "done": "job.completed",
        "failed": "job.failed",
        "cancelled": "job.cancelled",
        "refused": "job.failed",
    }
    assert told["done"]["data"] == {
        "job_id": "done",
        "user_id": "ada",
        "status": "completed",
        "attempts": 1,
        "metadata": {"order": 7},
        "video_url": "/api/v1/videos/done/download",
        "thumbnail_url": "/api/v1/videos/done/thumbnail",
        "bytes": 9,
        "sha256": "ab",
        "video_seconds": 1.5,
        "processing_s": 2.5,
    }
    assert told["failed"]["data"]["error"] == "no room"
    assert told["cancelled"]["data"]["reason"] == "changed my mind"
    assert told["refused"]["data"]["error"] == "the quota is used up"
    assert waiting(prepared) == 0


def test_an_end_that_is_not_committed_is_not_told(prepared: str, receiver: Receiver) -> None:
    async def scenario() -> None:
        await lived(prepared, "j", started(), webhook_url=receiver.url)
        async with await connect(prepared) as conn:
            with pytest.raises(ZeroDivisionError):
                async with conn.transaction():
                    await commands.decide(conn, "j", completed())
                    _ = 1 / 0

    asyncio.run(scenario())
    assert waiting(prepared) == 0


def test_a_delivery_is_tried_three_times_under_one_id_and_then_given_up(
    prepared: str, receiver: Receiver
) -> None:
    receiver.statuses = [500, 302, 503, 200]
    asyncio.run(lived(prepared, "j", Cancel(NOW, "no"), webhook_url=receiver.url))
    outbox = Outbox()
    given_up: list[tuple[Delivery, int, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "streams.generation.work.webhook_worker.give_up",
            lambda _, wanted, tries, error: given_up.append((wanted, tries, error)),
        )
        for tries in (1, 2):
            deliver(prepared, outbox)
            assert len(receiver.got) == tries
            deliver(prepared, outbox)  # nothing is due
            assert (len(receiver.got), waiting(prepared), given_up) == (tries, 1, [])
            due_now(prepared)
        deliver(prepared, outbox)
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len({got.body for got in receiver.got}) == 1
    assert len(receiver.got) == 3
    [(wanted, tries, error)] = given_up
    assert (wanted.url, tries, error) == (receiver.url, 3, "the receiver answered 503")
    assert waiting(prepared) == 0


def test_while_the_log_is_away_a_delivery_that_failed_is_neither_sent_nor_lost(
    prepared: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.statuses = [410, 410, 410]
    asyncio.run(lived(prepared, "j", Cancel(NOW, "no"), webhook_url=receiver.url))
    calls: list[str] = []

    def away_twice(_: Publisher, wanted: Delivery, tries: int, error: str) -> None:
        calls.append(error)
        if len(calls) < 3:
            raise PublishError("Kafka is away")

    monkeypatch.setattr("streams.generation.work.webhook_worker.give_up", away_twice)
    monkeypatch.setattr("streams.generation.work.webhook_worker._FAULT_WAIT", 0.05)

    async def scenario() -> None:
        async def nothing_left() -> bool:
            return await asyncio.to_thread(waiting, prepared) == 0

        async with delivering(prepared):
            await until(nothing_left)

    asyncio.run(scenario())
    assert calls == ["the receiver answered 410"] * 3
    assert len(receiver.got) == 1


def test_waits_grow(prepared: str, receiver: Receiver) -> None:
    receiver.statuses = [500, 500]
    asyncio.run(lived(prepared, "j", Cancel(NOW, "no"), webhook_url=receiver.url))
    found = []
    for _ in range(2):
        before = dt.datetime.now(dt.UTC)
        deliver(prepared)
        with psycopg.connect(prepared) as conn:
            row = conn.execute(
                "SELECT scheduled_at FROM procrastinate_jobs WHERE queue_name = %s", (QUEUE,)
            ).fetchone()
        assert row is not None
        found.append((row[0] - before).total_seconds())
        due_now(prepared)
    assert 4 <= found[0] <= 4 + 20
    assert 240 <= found[1] <= 360 + 20


@contextmanager
def a_process(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], env={**os.environ, **environment}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def taken(receiver: Receiver, times: int) -> None:
    async def enough() -> bool:
        return len(receiver.got) >= times

    await until(enough)


def test_a_worker_that_is_killed_in_mid_delivery_leaves_it_to_the_next(
    prepared: str, receiver: Receiver
) -> None:
    receiver.hang = 60.0
    asyncio.run(lived(prepared, "j", Cancel(NOW, "no"), webhook_url=receiver.url))
    with a_process("tests.integration.generation.a_webhook_worker", prepared) as first:
        asyncio.run(taken(receiver, 1))
        first.kill()
        first.wait(120)
    assert waiting(prepared) == 1
    receiver.hang = 0.0
    asyncio.run(second_try(prepared, receiver))
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


def test_the_process_gives_its_deliveries_back_when_it_is_told_to_stop(
    stack_settings: Settings, prepared: str, receiver: Receiver
) -> None:
    settings = stack_settings.model_copy(
        update={
            "database_url": prepared,
            "webhook_secret": SecretStr("whsec_" + base64.b64encode(KEY).decode()),
            "webhook_private_addresses": True,
        }
    )
    receiver.hang = 60.0
    asyncio.run(lived(prepared, "j", Cancel(NOW, "no"), webhook_url=receiver.url))
    with a_process("infra.run", "webhooks", **as_environment(settings)) as first:
        asyncio.run(taken(receiver, 1))
        first.terminate()
        assert first.wait(120) == 0
    assert waiting(prepared) == 1
    receiver.hang = 0.0
    due_now(prepared)
    asyncio.run(second_try(prepared, receiver))
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    for got in receiver.got:
        check([KEY], got.headers, got.body, dt.datetime.now(dt.UTC))


@pytest.mark.parametrize("secret", [None, SecretStr("too short")])
def test_without_a_secret_the_process_says_what_it_lacks(
    prepared: str, tmp_path: Path, secret: SecretStr | None
) -> None:
    settings = Settings(
        _env_file=None, database_url=prepared, groundswell_home=tmp_path, webhook_secret=secret
    )
    with pytest.raises(NoStackError, match="WEBHOOK_SECRET"):
        main(settings)


async def second_try(dsn: str, receiver: Receiver) -> None:
    async def nothing_left() -> bool:
        return await asyncio.to_thread(waiting, dsn) == 0

    async with delivering(dsn):
        await taken(receiver, 2)
        await until(nothing_left)


@asynccontextmanager
async def delivering(dsn: str) -> AsyncIterator[None]:
    """A worker in this process, as long as this lasts."""
    working = asyncio.create_task(
        run(dsn, (KEY,), Outbox(), private=True, pulse=replace(PULSE, grace=0.0))
    )
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def test_what_was_given_up_is_a_dead_letter_and_a_redrive_sends_it_again(
    stack_settings: Settings, prepared: str, receiver: Receiver, unique: Callable[[str], str]
) -> None:
    settings = stack_settings.model_copy(update={"database_url": prepared})
    provision(settings)
    kafka, job_id = settings.kafka_config(), unique("job")
    receiver.statuses = [500, 410]  # the second one says: never again
    asyncio.run(lived(prepared, job_id, Cancel(NOW, "no"), webhook_url=receiver.url))
    with Registry(settings.registry_config()) as registry:
        codec = Codec(registry)
        publisher = Publisher(kafka, codec, source="test")
        deliver(prepared, publisher, waits=(0.0, 0.0))
        due_now(prepared)
        deliver(prepared, publisher, waits=(0.0, 0.0))
        webhook_id = receiver.got[0].headers["webhook-id"]

        def letters() -> list[Letter]:
            found = Letterbox(kafka, WEBHOOK_DELIVERIES).letters()
            return [one for one in found if one.key == webhook_id.encode()]

        [letter] = letters()
        assert letter.value is not None
        event = codec.decode(WEBHOOK_DELIVERIES, letter.value, letter.headers)
        assert (event["tries"], event["error"]) == (2, "the receiver answered 410")
        assert event["url"] == receiver.url
        [refusal] = letter.refusals
        assert (refusal.component, refusal.reason) == ("webhooks", "the receiver answered 410")

        asyncio.run(consume(settings, publisher))
        assert waiting(prepared) == 0  # what was given up is not sent again by itself
        redrive(settings, WEBHOOK_DELIVERIES)
        assert letters() == []
        for _ in range(2):  # repeated, it is queued once
            asyncio.run(consume(settings, publisher))
        assert waiting(prepared) == 1
        deliver(prepared, publisher)
    assert [got.headers["webhook-id"] for got in receiver.got] == [webhook_id] * 3
    assert receiver.got[2].body == receiver.got[0].body
    assert waiting(prepared) == 0


async def consume(settings: Settings, publisher: Publisher) -> None:
    """As the dispatcher would, from the beginning of the topic."""
    async with AsyncConnectionPool(settings.dsn, min_size=1, open=False) as pool:
        consumer = Redelivery(pool, publisher)
        kafka = settings.kafka_config()
        for chunk in chunks(kafka, slices(kafka, WEBHOOK_DELIVERIES.name)):
            await consumer.handle(chunk)


def test_many_deliveries_do_not_wait_for_a_slow_receiver(prepared: str) -> None:
    async def scenario(slow: Receiver, quick: Receiver) -> None:
        async with await connect(prepared) as conn:
            for receiver, count in ((slow, 5), (quick, 50)):
                for number in range(count):
                    name = f"msg_{receiver.port}-{number}"
                    await defer(conn, Delivery(name, receiver.url, "test", "{}"))

        async def taken() -> bool:
            return len(quick.got) == 50

        async with delivering(prepared):
            async with asyncio.timeout(15):
                await until(taken)
            assert len(slow.got) == 5

    with receiving() as slow, receiving() as quick:
        slow.hang = 20.0
        asyncio.run(scenario(slow, quick))
