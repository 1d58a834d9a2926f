"""Provisioning against real servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from infra import provision as module
from infra.provision import ProvisionError, provision
from infra.settings import Settings
from schemas.catalogue import TOPICS
from schemas.registry import COMPATIBILITY, Registry
from schemas.topic import Topic


@pytest.fixture
def admin(stack_settings: Settings) -> AdminClient:
    return AdminClient(stack_settings.kafka_config())


def test_every_topic_has_its_partitions_and_a_dead_letter_topic(
    stack_settings: Settings, admin: AdminClient
) -> None:
    provision(stack_settings)

    found = admin.list_topics(timeout=60).topics
    for topic in TOPICS.values():
        assert len(found[topic.name].partitions) == topic.partitions
        assert len(found[topic.dlq].partitions) == module.DLQ_PARTITIONS


def test_a_second_run_creates_nothing(stack_settings: Settings) -> None:
    provision(stack_settings)

    again = provision(stack_settings)

    assert again.created == []
    assert set(again.existing) == {name for t in TOPICS.values() for name in (t.name, t.dlq)}
    assert again.subjects == [topic.subject for topic in TOPICS.values()]


def test_several_processes_may_provision_at_the_same_time(stack_settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(provision, [stack_settings] * 4))

    assert all(len(one.subjects) == len(TOPICS) for one in done)


def test_topics_have_the_settings_of_the_catalogue(
    stack_settings: Settings, admin: AdminClient
) -> None:
    provision(stack_settings)

    for topic in TOPICS.values():
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic.name)
        config = admin.describe_configs([resource])[resource].result(timeout=60)
        assert {name: config[name].value for name in topic.config()} == topic.config()


def test_subjects_refuse_schemas_that_cannot_read_what_was_written(
    stack_settings: Settings,
) -> None:
    provision(stack_settings)

    registry = Registry(stack_settings.registry_config())
    with registry:
        client = registry._client
        for topic in TOPICS.values():
            config = client.get_config(topic.subject)
            assert config.compatibility_level == COMPATIBILITY
            assert registry.compatible(topic)


def test_another_number_of_partitions_is_refused_by_name(
    stack_settings: Settings, admin: AdminClient, unique, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = Topic(unique("grown"), "key", "A topic that somebody made by hand.", partitions=4)
    admin.create_topics([NewTopic(topic.name, 3, 1)])[topic.name].result()
    monkeypatch.setattr(module, "TOPICS", {topic.name: topic})
    monkeypatch.setattr(module, "_subjects", lambda settings, topics: [])

    with pytest.raises(ProvisionError, match=rf"{topic.name} has 3 partitions.*says 4"):
        provision(stack_settings)


def test_kafka_that_is_away_is_said_in_one_line(
    stack_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KAFKA_TIMEOUT", 1.0)
    monkeypatch.setattr(module, "_subjects", lambda settings, topics: [])
    away = stack_settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})

    with pytest.raises(ProvisionError, match=r"127\.0\.0\.1:1 does not answer") as caught:
        provision(away)
    assert "\n" not in str(caught.value)


def test_a_registry_that_is_away_is_said_in_one_line(
    stack_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REGISTRY_PATIENCE", 0.0)
    away = stack_settings.model_copy(update={"schema_registry_url": "http://127.0.0.1:1"})

    with pytest.raises(ProvisionError, match=r"http://127\.0\.0\.1:1 does not answer"):
        provision(away)


def test_topics_that_expire_keep_what_the_setting_says() -> None:
    for days, longest in ((0, -1), (7, 7 * 24 * 3600 * 1000)):
        settings = Settings(_env_file=None, youtube_data_days=days)
        wanted = module._wanted(list(TOPICS.values()), settings)
        for topic in TOPICS.values():
            config = wanted[topic.name].config
            if topic.expires and config["cleanup.policy"] == "compact":
                assert days == 0
            elif topic.expires and topic.compacted:
                assert int(config["retention.ms"]) + int(config["segment.ms"]) <= longest
            elif topic.expires:
                kept = int(config["retention.ms"]) + int(config.get("segment.ms", 0))
                assert kept == longest
            else:
                assert config == topic.config()
