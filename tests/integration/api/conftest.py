"""An API over real servers, with tables of its own, filled through the projections' folds."""

from __future__ import annotations

import datetime as dt
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql
from pydantic import SecretStr

from api.app import create_app
from infra.provision import ProvisionError, provision
from infra.settings import Settings
from projections.catalogue import PROJECTIONS
from projections.spans import Outcome, Span
from projections.store import Store
from schemas.catalogue import topic_named
from schemas.chunks import Chunk
from schemas.codec import Codec
from schemas.frames import FrameDecoder
from schemas.publisher import Position
from schemas.registry import Registry
from schemas.topic import Topic
from streams.generation.schema import prepare
from streams.identity.schema import prepare as prepare_accounts
from tests.integration.api.stand_in import StandInModels

KEY = "a-key-for-tests"


@dataclass
class Api:
    """A served application, and the tables behind it."""

    settings: Settings
    url: str
    client: httpx.Client
    stranger: httpx.Client
    codec: Codec
    models: StandInModels
    _next_offset: int = 0

    def fold(self, projection: str, topic: Topic, *events: dict[str, Any]) -> None:
        """Put events into a projection's tables, as the projector would."""
        count = len(events)
        first = self._next_offset
        self._next_offset += count
        now = int(time.time() * 1000)
        chunk = Chunk(
            topic.name,
            0,
            range(first, first + count),
            [now] * count,
            [None] * count,
            [self.codec.encode(topic, event) for event in events],
            [()] * count,
        )
        one = PROJECTIONS[projection]
        source = one.source(topic.name)
        decoded = FrameDecoder(self.codec.registry, topic, source.columns).decode(chunk)
        assert not decoded.rejects, decoded.rejects
        store = Store(self.settings.dsn, one)
        store.open()
        try:
            start = store.position(topic.name, 0)
            span = Span(topic.name, 0, start, first + count)
            outcome = store.apply(source, span, decoded.frame, high=first + count)
        finally:
            store.close()
        assert outcome is Outcome.APPLIED


@pytest.fixture(scope="session")
def provisioned(stack_settings: Settings) -> Settings:
    """Servers that have the catalogue's topics and subjects."""
    for _ in range(10):
        # Another worker of the run may be at it too, and the registry answers one of the two "409".
        with suppress(ProvisionError):
            provision(stack_settings)
            return stack_settings
        time.sleep(0.3)
    raise AssertionError("the servers cannot be provisioned")


@pytest.fixture(scope="module")
def api_database(stack: dict[str, Any], unique: Callable[[str], str]) -> Iterator[str]:
    """The dsn of a database with every table, for the tests of one module."""
    name = unique("api")
    with psycopg.connect(stack["administrator_dsn"], autocommit=True) as connection:
        identifier = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER groundswell").format(identifier))
        dsn = str(stack["settings"]["database_url"]).rpartition("/")[0] + f"/{name}"
        prepare(dsn)
        prepare_accounts(dsn)
        for projection in PROJECTIONS.values():
            with closing(Store(dsn, projection)) as store:
                store.open()
        yield dsn
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


@pytest.fixture(scope="module")
def artifacts_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the module's API has its files."""
    return tmp_path_factory.mktemp("artifacts").as_uri()


@pytest.fixture(scope="module")
def api_settings(
    provisioned: Settings,
    api_database: str,
    artifacts_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:
    """Of the module's API."""
    return provisioned.model_copy(
        update={
            "database_url": api_database,
            "artifacts_url": artifacts_url,
            "api_key": SecretStr(KEY),
            "personal_data_secret": SecretStr(provisioned.personal_data_secrets[0]),
            "jwt_secret": SecretStr(provisioned.jwt_secrets[0]),
            "groundswell_home": tmp_path_factory.mktemp("home"),
            # Strangers of all tests come from one address, and count in one Redis.
            "rate_limit_per_minute": 0,
            "rate_limit_sign_in": "none",
        }
    )


@pytest.fixture(scope="module")
def api(api_settings: Settings) -> Iterator[Api]:
    settings = api_settings
    models = StandInModels()
    with serving(settings, models) as url, Registry(settings.registry_config()) as registry:
        codec = Codec(registry)
        with (
            httpx.Client(base_url=url, headers={"X-API-Key": KEY}, timeout=120) as client,
            httpx.Client(base_url=url, timeout=120) as stranger,
        ):
            yield Api(settings, url, client, stranger, codec, models)


@contextmanager
def serving(settings: Settings, models: StandInModels | None) -> Iterator[str]:
    """The API on a port of its own, in a thread; its address. Without models, those that ship."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(settings, models),
                log_config=None,
                loop="asyncio",
                access_log=False,
                proxy_headers=False,
                timeout_graceful_shutdown=1,
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the API does not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(120)
            assert not thread.is_alive()


def moment(seconds: float = 0.0) -> dt.datetime:
    """An instant so many seconds before now, in whole microseconds."""
    return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)


def stored(api: Api, name: str, content: bytes) -> str:
    """Put a file into the artifact store."""
    folder = Path(str(api.settings.artifacts_url).removeprefix("file://"))
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


def stored_events(api: Api, position: str) -> list[dict[str, Any]]:
    """The event at a position of the log."""
    where = Position.parse(position)
    topic = topic_named(where.topic)
    consumer = Consumer(
        {**api.settings.kafka_config(), "group.id": "positions", "enable.auto.commit": False}
    )
    try:
        consumer.assign([TopicPartition(where.topic, where.partition, where.offset)])
        message = consumer.poll(20)
        assert message is not None
        assert message.error() is None
        return [api.codec.decode(topic, message.value(), message.headers())]
    finally:
        consumer.close()
