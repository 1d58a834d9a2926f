"""What Kafka says of groups and topics, asked from outside."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from confluent_kafka import Consumer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

Place = tuple[str, int]  # topic, partition


class GroupOffsets:
    """Asks for committed offsets of one group without joining it.

    A consumer that never subscribes is used on purpose: with librdkafka 2.16 the admin client's
    ListConsumerGroupOffsets ends the process (a null pointer) when the broker answers that its
    coordinator is still loading, as it does in the seconds after a start.
    """

    def __init__(self, kafka: dict[str, str], group: str) -> None:
        self._consumer = Consumer({**kafka, "group.id": group, "enable.auto.commit": False})

    def committed(self, places: Iterable[Place], seconds: float) -> dict[Place, int]:
        """Committed offsets of those partitions that have one.

        Raises:
            KafkaException: the broker did not answer within `seconds`.
        """
        wanted = [TopicPartition(topic, partition) for topic, partition in places]
        if not wanted:
            return {}
        found = self._consumer.committed(wanted, timeout=seconds)
        return {(at.topic, at.partition): int(at.offset) for at in found if at.offset >= 0}

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()


def partition_counts(kafka: dict[str, str], *topics: str, seconds: float = 30.0) -> dict[str, int]:
    """Partitions of each topic; 0 for one that does not exist.

    Raises:
        KafkaException: the broker did not answer within `seconds`.
    """
    admin = AdminClient(kafka)
    found = admin.list_topics(timeout=seconds).topics
    return {name: len(found[name].partitions) if name in found else 0 for name in topics}


def topic_id(kafka: dict[str, str], topic: str, seconds: float = 30.0) -> str:
    """The id that Kafka gave a topic when it was made; one made anew under its name has another.

    Raises:
        KafkaException: the broker did not answer within `seconds`, or has no such topic.
    """
    admin = AdminClient(kafka)  # the answer does not come if it is gone
    asked = admin.describe_topics(TopicCollection([topic]), request_timeout=seconds)
    return str(asked[topic].result().topic_id)


def log_end(kafka: dict[str, str], topic: str, partition: int, seconds: float = 30.0) -> int:
    """Offset that the next record of a partition will get.

    Raises:
        KafkaException: the broker did not answer within `seconds`.
    """
    # No group is joined or asked; the name only has to be there.
    with closing(Consumer({**kafka, "group.id": "groundswell.ends"})) as consumer:
        where = TopicPartition(topic, partition)
        return int(consumer.get_watermark_offsets(where, timeout=seconds)[1])


def newest_time(kafka: dict[str, str], topic: str, partition: int, seconds: float = 30.0) -> int:
    """The highest timestamp of a partition's records in milliseconds; -1 without one.

    Raises:
        KafkaException: the broker did not answer within `seconds`.
    """
    admin = AdminClient(kafka)  # the answer does not come if it is gone
    where = TopicPartition(topic, partition)
    asked = admin.list_offsets({where: OffsetSpec.max_timestamp()}, request_timeout=seconds)
    return int(asked[where].result().timestamp)
