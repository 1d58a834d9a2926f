"""A job that failed for good leaves a dead letter; driven again, its request is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from infra.dead_letters.box import Letter, Letterbox
from infra.dead_letters.work import redrive
from infra.provision import provision
from infra.settings import Settings
from schemas.catalogue import GENERATION_REQUESTS
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from streams.artifacts import Artifacts
from streams.columnar.kafka.log import Slice, chunks, slices
from streams.decisions.relay import Relay, lag
from streams.generation.dispatch.dispatch import Dispatcher
from streams.generation.jobs import commands
from streams.generation.jobs.job import Status
from streams.generation.jobs.letters import FailedRequests, _runs
from streams.generation.jobs.relay import publish_with
from streams.generation.providers.provider import ProviderError
from tests.integration.generation.stories import connect, story, until
from tests.integration.generation.test_bad_providers import Answering
from tests.integration.generation.test_worker import do_all
from tests.unit.generation.requests import NOW, a_request


@pytest.fixture
def settings(stack_settings: Settings, prepared: str) -> Settings:
    provision(stack_settings)
    return stack_settings.model_copy(update={"database_url": prepared})


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts((tmp_path / "store").as_uri())


class House:
    """Dispatcher, worker and relay, one step at a time, on a database of its own."""

    def __init__(self, settings: Settings, publisher: Publisher, artifacts: Artifacts) -> None:
        self.settings = settings
        self.kafka = settings.kafka_config()
        self.dsn = settings.dsn
        self.publisher = publisher
        self.artifacts = artifacts
        self.letters_of = FailedRequests(self.dsn, self.kafka).letters
        # What others have asked for in the same topic is theirs.
        ends = slices(self.kafka, GENERATION_REQUESTS.name)
        self._next = {part.partition: part.last for part in ends}

    def ask(self, job_id: str, **changes: Any) -> None:
        record = {"event_id": job_id, "occurred_at": NOW, "job_id": job_id, **a_request(**changes)}
        self.publisher.publish(GENERATION_REQUESTS, record)
        self.publisher.flush()

    async def dispatch(self) -> None:
        """Everything that was asked for since the last time."""
        ends = {part.partition: part for part in slices(self.kafka, GENERATION_REQUESTS.name)}
        parts = [
            Slice(part.topic, number, self._next[number], part.last)
            for number, part in ends.items()
        ]
        async with AsyncConnectionPool(self.dsn, open=False) as pool:
            dispatcher = Dispatcher(pool, self.publisher)
            with closing(chunks(self.kafka, parts)) as found:
                for chunk in found:
                    await dispatcher.handle(chunk)
        self._next = {number: part.last for number, part in ends.items()}

    async def work(self, *answers: Exception) -> None:
        await do_all(self.dsn, Answering(*answers), self.artifacts)

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        publish = publish_with(self.publisher, self.letters_of)
        relaying = asyncio.create_task(Relay(self.dsn, "generation", publish).run())
        try:
            yield
        finally:
            relaying.cancel()
            await asyncio.gather(relaying, return_exceptions=True)

    async def relay(self) -> None:
        """Everything that was decided so far."""
        async with self.relaying(), await connect(self.dsn) as conn:

            async def caught_up() -> bool:
                return (await lag(conn, "generation")).events == 0

            await until(caught_up)

    def letters(self, reason: str) -> list[Letter]:
        return list(Letterbox(self.kafka, GENERATION_REQUESTS).letters(reason=reason))

    async def statuses(self) -> dict[str, Status]:
        async with await connect(self.dsn) as conn:
            cursor = await conn.execute("SELECT DISTINCT stream_id FROM decision_events")
            ids = [row[0] for row in await cursor.fetchall()]
            return {name: job.status for name, job in (await commands.states(conn, ids)).items()}


@pytest.fixture
def publisher(settings: Settings) -> Any:
    with Registry(settings.registry_config()) as registry:
        yield Publisher(settings.kafka_config(), Codec(registry), source="test")


def test_a_request_that_could_not_be_met_is_driven_again_until_it_is(
    settings: Settings, publisher: Publisher, artifacts: Artifacts, unique: Callable[[str], str]
) -> None:
    first, why = unique("job"), unique("broken")

    async def scenario() -> None:
        house = House(settings, publisher, artifacts)
        house.ask(first, seed=None, max_retries=0)
        await house.dispatch()
        await house.work(ProviderError(why, retryable=True))
        await house.relay()

        [letter] = house.letters(why)
        [refusal] = letter.refusals
        assert refusal.component == "dispatcher"
        assert refusal.reason == f"the job failed: attempt 1 was the last: {why}"
        [queued, *_] = await story(house.dsn, first)
        assert letter.record == queued.body["request_record"]
        assert letter.key == first.encode()
        assert letter.value is not None
        asked = publisher.codec.decode(GENERATION_REQUESTS, letter.value)
        assert (asked["job_id"], asked["seed"], asked["prompt"]) == (first, None, "a quiet sea")
        assert "ce_id" in dict(letter.headers)

        # Driven again, it is a new job with the same seed; the old one has had its end.
        assert redrive(settings, GENERATION_REQUESTS, reason=why).done == 1
        await house.dispatch()
        await house.work(ProviderError(why, retryable=True))
        await house.relay()
        [second] = set(await house.statuses()) - {first}
        [again] = house.letters(why)
        assert again.record != letter.record

        assert redrive(settings, GENERATION_REQUESTS, reason=why).done == 1
        await house.dispatch()
        await house.dispatch()
        provider = Answering()
        await do_all(house.dsn, provider, artifacts)
        await house.relay()
        statuses = await house.statuses()
        [third] = set(statuses) - {first, second}
        assert statuses == {
            first: Status.FAILED,
            second: Status.FAILED,
            third: Status.COMPLETED,
        }
        assert house.letters(why) == []
        seeds = [(await story(house.dsn, one))[0].body["seed"] for one in (second, third)]
        assert seeds == [provider.orders[0].seed] * 2

    asyncio.run(scenario())


def test_a_letter_is_sent_once_more_rather_than_not_at_all(
    settings: Settings, publisher: Publisher, artifacts: Artifacts, unique: Callable[[str], str]
) -> None:
    ids = [unique("job") for _ in range(3)]
    why = unique("broken")

    async def scenario() -> None:
        house = House(settings, publisher, artifacts)
        for job_id in ids:
            house.ask(job_id)
        await house.dispatch()
        async with await connect(house.dsn) as conn:
            await commands.cancel(conn, ids[0], "nobody needs it")  # which is no failure
        await house.work(*[ProviderError(why, retryable=False)] * 2)
        send = publisher.send_dead_letters

        def struck(letters: Any) -> None:
            send(letters)
            publisher.flush()
            publisher.send_dead_letters = send  # type: ignore[method-assign]
            raise ConnectionError("the relay ends here")

        publisher.send_dead_letters = struck  # type: ignore[method-assign]
        with pytest.raises(ConnectionError):
            await Relay(house.dsn, "generation", publish_with(publisher, house.letters_of)).run()
        await house.relay()
        assert sorted(one.key or b"" for one in house.letters(why)) == sorted(
            job_id.encode() for job_id in ids[1:]
        )

    asyncio.run(scenario())


def test_neighbours_are_read_together() -> None:
    assert list(_runs([3])) == [(3, 3)]
    assert list(_runs([1, 2, 90, 1000, 1001])) == [(1, 90), (1000, 1001)]
