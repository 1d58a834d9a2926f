"""The embedded servers: started together, stopped, killed, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.settings import Settings
from infra.supervisor import Supervisor
from infra.supervisor.daemon import read_stack
from tests.integration.infra.waiting import until

HEADERS = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
SCHEMA = '{"type": "record", "name": "Kept", "fields": [{"name": "a", "type": "string"}]}'

SERVERS = """
import sys
from infra.settings import Settings
from infra.supervisor import Supervisor
supervisor = Supervisor(Settings.model_validate_json(sys.argv[1]))
with supervisor.signals():
    supervisor.start()
    supervisor.run_forever()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    deep = tmp_path / ("a-long-name-" * 8) / "home"  # longer than a socket's path may be
    return Settings(
        _env_file=None,
        groundswell_home=deep,
        api_port=0,
        kafka_bootstrap_servers=None,
        schema_registry_url=None,
        database_url=None,
        redis_url=None,
        artifacts_url=None,
    )


@pytest.fixture
def elsewhere(settings: Settings) -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for popen in started:
        popen.kill()
        popen.wait()


def write(resolved: Settings) -> None:
    """Put something durable into every server."""
    admin = AdminClient(resolved.kafka_config())
    for future in admin.create_topics([NewTopic("kept", 1, 1)]).values():
        future.result()
    producer = Producer(resolved.kafka_config())
    producer.produce("kept", b"an event")
    assert producer.flush(20) == 0
    registry = resolved.registry_config()["url"]
    with httpx.Client(base_url=registry, headers=HEADERS) as client:
        client.post("/subjects/kept/versions", json={"schema": SCHEMA}).raise_for_status()
        client.put("/config/kept", json={"compatibility": "BACKWARD_TRANSITIVE"}).raise_for_status()
    with psycopg.connect(resolved.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert resolved.redis_url is not None
    with redis.Redis.from_url(resolved.redis_url) as client_:
        client_.set("kept", "a value")


def read(resolved: Settings) -> dict[str, Any]:
    """Read back what `write` wrote."""
    consumer = Consumer({**resolved.kafka_config(), "group.id": "reader"})
    consumer.assign([TopicPartition("kept", 0, 0)])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    registry = resolved.registry_config()["url"]
    assert resolved.redis_url is not None
    with (
        psycopg.connect(resolved.dsn) as connection,
        redis.Redis.from_url(resolved.redis_url) as client,
    ):
        row = connection.execute("SELECT answer FROM kept").fetchone()
        return {
            "kafka": message.value(),
            "registry": httpx.get(f"{registry}/subjects").json(),
            "compatibility": httpx.get(f"{registry}/config/kept").json()["compatibilityLevel"],
            "postgres": row,
            "redis": client.get("kept"),
        }


WRITTEN = {
    "kafka": b"an event",
    "registry": ["kept"],
    "compatibility": "BACKWARD_TRANSITIVE",
    "postgres": (42,),
    "redis": b"a value",
}


def test_data_and_addresses_survive_a_restart_and_a_killed_supervisor(
    settings: Settings, elsewhere: list[subprocess.Popen[bytes]]
) -> None:
    # One story, because every start takes seconds.
    with Supervisor(settings) as supervisor:
        first = supervisor.settings
        write(first)
        listening = {
            connection.laddr.ip
            for server in supervisor.describe()["servers"]
            for connection in psutil.Process(server["pid"]).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}

    popen = subprocess.Popen([sys.executable, "-c", SERVERS, settings.model_dump_json()])
    elsewhere.append(popen)
    until(lambda: (read_stack(settings) or {}).get("state") == "running", "the start")
    stack = read_stack(settings)
    assert stack is not None
    assert stack["addresses"] == {name: getattr(first, name) for name in stack["addresses"]}
    assert read(first) == WRITTEN

    family = psutil.Process(popen.pid).children(recursive=True)
    assert len(family) >= 5  # four servers and the guard
    popen.kill()
    popen.wait()
    until(lambda: not any(process.is_running() for process in family), "the last orphan's end")

    with Supervisor(settings) as supervisor:
        assert supervisor.describe()["addresses"] == stack["addresses"]
        assert read(first) == WRITTEN


def test_a_server_that_is_killed_comes_back_on_its_port(settings: Settings) -> None:
    alone = settings.model_copy(
        update={
            "kafka_bootstrap_servers": "127.0.0.1:1",
            "schema_registry_url": "http://127.0.0.1:1",
        }
    )
    with Supervisor(alone) as supervisor:
        resolved = supervisor.settings
        assert [s["name"] for s in supervisor.describe()["servers"]] != []
        for server in supervisor.describe()["servers"]:
            os.kill(server["pid"], signal.SIGKILL)
        until(
            lambda: [s["restarts"] for s in supervisor.describe()["servers"]] == [1, 1],
            "both restarts",
        )
        assert supervisor.await_running(120) == []
        with psycopg.connect(resolved.dsn) as connection:
            connection.execute("SELECT 1")
        assert resolved.redis_url is not None
        with redis.Redis.from_url(resolved.redis_url) as client:
            assert client.ping()


def test_only_what_is_unset_is_started(settings: Settings) -> None:
    redis_alone = settings.model_copy(
        update={
            "kafka_bootstrap_servers": "127.0.0.1:1",
            "schema_registry_url": "http://127.0.0.1:1",
            "database_url": "postgresql://127.0.0.1:1/d",
        }
    )
    with Supervisor(redis_alone) as supervisor:
        assert [s["name"] for s in supervisor.describe()["servers"]] == ["redis"]
        assert supervisor.settings.dsn == "postgresql://127.0.0.1:1/d"
