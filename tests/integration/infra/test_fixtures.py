"""The servers that tests share."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import psycopg
import pytest
import redis
from confluent_kafka.admin import AdminClient

from infra.settings import Settings


def test_kafka_answers(stack_settings: Settings) -> None:
    assert AdminClient(stack_settings.kafka_config()).list_topics(timeout=60).brokers


def test_the_registry_answers(stack_settings: Settings) -> None:
    url = stack_settings.registry_config()["url"]
    assert httpx.get(f"{url}/subjects").status_code == 200


def test_redis_answers_only_with_its_password(stack_settings: Settings) -> None:
    assert stack_settings.redis_url is not None
    with redis.Redis.from_url(stack_settings.redis_url) as client:
        assert client.ping()
    open_url = "redis://" + stack_settings.redis_url.partition("@")[2]
    with redis.Redis.from_url(open_url) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_a_database_of_its_own_can_take_tables_and_vectors(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE fresh (x vector(2))")


def test_a_second_test_gets_another_database(database: str) -> None:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT to_regclass('fresh')").fetchone()
    assert row == (None,)


def test_the_application_is_no_superuser(stack_settings: Settings) -> None:
    with psycopg.connect(stack_settings.dsn) as connection:
        row = connection.execute("SELECT usesuper FROM pg_user WHERE usename = user").fetchone()
    assert row == (False,)


def test_unique_names_differ(unique: Callable[[str], str]) -> None:
    assert unique("topic") != unique("topic")
