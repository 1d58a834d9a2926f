"""Topics and subjects as the catalogue wants them; a second run changes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace

import httpx
import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic, TopicMetadata

from infra.settings import Settings
from schemas.catalogue import TOPICS
from schemas.registry import Registry, SchemaRegistryError
from schemas.topic import Topic, dead_letter_config

DLQ_PARTITIONS = 1

_KAFKA_TIMEOUT = 30.0  # seconds for any one request
_REGISTRY_PATIENCE = 30.0  # seconds to wait for a registry that is still starting
_REGISTRY_PAUSE = 0.25  # seconds between two tries
_SERVER_ERROR = 500
_CONFLICT = 409

log = structlog.get_logger()


class ProvisionError(Exception):
    """The cluster or the registry is not as the catalogue needs it."""


@dataclass(frozen=True)
class Provisioned:
    """What provisioning found and did.

    Attributes:
        created: names of the topics that were made just now.
        existing: names of those that were there already, with the right number of partitions.
        subjects: subjects that have the catalogue's schema as their newest version or as one of
            their versions.
    """

    created: list[str]
    existing: list[str]
    subjects: list[str]


def provision(settings: Settings) -> Provisioned:
    """Make every topic of the catalogue, its dead-letter topic and its subject.

    Args:
        settings: with every address set (`Settings.resolved`).

    Raises:
        ProvisionError: a topic has another number of partitions, or a server refuses or does not
            answer; the message says which and what to do.
        IncompatibleSchemaError: a schema cannot read what was written with an earlier version.
    """
    started = time.monotonic()
    topics = list(TOPICS.values())
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="subjects") as beside:
        registering = beside.submit(_subjects, settings, topics)
        created, existing = _topics(settings, topics)
        subjects = registering.result()
    log.info(
        "provisioned",
        topics_created=len(created),
        topics_existing=len(existing),
        subjects=len(subjects),
        seconds=round(time.monotonic() - started, 2),
    )
    return Provisioned(created, existing, subjects)


def main(settings: Settings) -> None:
    """Provision once, as a process of its own: for containers, where nothing else would."""
    provision(settings)


def _topics(settings: Settings, topics: list[Topic]) -> tuple[list[str], list[str]]:
    admin = AdminClient(settings.kafka_config())
    wanted = _wanted(topics, settings)
    try:
        found = admin.list_topics(timeout=_KAFKA_TIMEOUT).topics
    except KafkaException as error:
        raise ProvisionError(
            f"Kafka at {settings.kafka_bootstrap_servers} does not answer: {_text(error)}"
        ) from None
    _check_partitions(wanted, found)
    missing = [new for name, new in wanted.items() if name not in found]
    created = []
    if missing:
        answers = admin.create_topics(missing, operation_timeout=_KAFKA_TIMEOUT)
        created = [name for name, answer in answers.items() if _made(name, answer)]
        # Somebody else may have made one meanwhile, or before, and the broker did not tell yet.
        _check_partitions(wanted, _shown(admin, [new.topic for new in missing]))
    return created, [name for name in wanted if name not in created]


def _wanted(topics: list[Topic], settings: Settings) -> dict[str, NewTopic]:
    wanted = {}
    replication = settings.kafka_replication_factor
    for topic in topics:
        if topic.expires:
            topic = replace(topic, retention_days=settings.youtube_data_days or None)
        wanted[topic.name] = NewTopic(
            topic.name, topic.partitions, replication, config=topic.config()
        )
        wanted[topic.dlq] = NewTopic(
            topic.dlq, DLQ_PARTITIONS, replication, config=dead_letter_config()
        )
    return wanted


def _check_partitions(wanted: Mapping[str, NewTopic], found: Mapping[str, TopicMetadata]) -> None:
    wrong = [
        f"{name} has {len(found[name].partitions)} partitions, the catalogue says "
        f"{new.num_partitions}"
        for name, new in wanted.items()
        if name in found and len(found[name].partitions) != new.num_partitions
    ]
    if wrong:
        raise ProvisionError(
            "; ".join(wrong) + ". A changed count moves keys away from their state: bring the old "
            "count back (recreate the topic and publish again), or make a v2 topic"
        )


def _made(name: str, answer: Future[None]) -> bool:
    try:
        answer.result()
    except KafkaException as error:
        # Another process provisions at the same time: it is there, which is all that matters.
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise ProvisionError(f"Kafka refuses to make topic {name}: {_text(error)}") from None
    return True


def _shown(admin: AdminClient, names: list[str]) -> Mapping[str, TopicMetadata]:
    """These topics, once the broker tells clients about them: it has made them."""
    deadline = time.monotonic() + _KAFKA_TIMEOUT
    while True:
        found = admin.list_topics(timeout=_KAFKA_TIMEOUT).topics
        absent = [name for name in names if name not in found or found[name].error is not None]
        if not absent:
            return {name: found[name] for name in names}
        if time.monotonic() > deadline:
            raise ProvisionError(f"Kafka made {', '.join(absent)} but does not show them")
        time.sleep(0.02)


def _subjects(settings: Settings, topics: list[Topic]) -> list[str]:
    registry = Registry(settings.registry_config())
    deadline = time.monotonic() + _REGISTRY_PATIENCE
    with closing(registry):
        # The first one alone: it finds out whether the registry is up.
        first = _subject(registry, topics[0], deadline)
        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="subject") as pool:
            rest = pool.map(lambda topic: _subject(registry, topic, deadline), topics[1:])
            return [first, *rest]


def _subject(registry: Registry, topic: Topic, deadline: float) -> str:
    while True:
        try:
            # In this order: some registries keep settings only of subjects that exist. A first
            # version has nothing that it could be incompatible with.
            registry.register(topic)
            registry.require_compatibility(topic)
        except (httpx.TransportError, SchemaRegistryError) as error:
            status = getattr(error, "http_status_code", _SERVER_ERROR)
            # A conflict here is another process that provisions at the same time; a schema that
            # does not fit is an error of another class.
            if status < _SERVER_ERROR and status != _CONFLICT:
                raise ProvisionError(
                    f"the schema registry refuses {topic.subject}: {error}"
                ) from None
            if time.monotonic() > deadline:
                raise ProvisionError(
                    f"the schema registry at {registry.url} does not answer: {error}"
                ) from None
            time.sleep(_REGISTRY_PAUSE)
        else:
            return topic.subject


def _text(error: KafkaException) -> str:
    return str(error.args[0].str() if error.args else error)
