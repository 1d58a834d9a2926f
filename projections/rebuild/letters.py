"""Dead letters that are known: records that were found unusable before."""

from __future__ import annotations

from collections.abc import Mapping

from projections.rebuild.reading import spans
from projections.spans import Span
from schemas.deadletters import facts_of
from schemas.topic import Topic
from streams.columnar.kafka.groups import log_bounds


def known_letters(kafka: Mapping[str, str], topic: Topic, component: str) -> dict[int, set[int]]:
    """Offsets of a topic's records that the component gave up, by partition.

    Raises:
        KafkaException, KafkaError, TimeoutError: the dead letters cannot be read.
    """
    found: dict[int, set[int]] = {}
    for partition, (low, high) in log_bounds(dict(kafka), topic.dlq).items():
        for read in spans(kafka, Span(topic.dlq, partition, low, high)):
            for headers in read.chunk.headers if read.chunk else ():
                facts = facts_of(headers)
                if facts.get("component") == component and "offset" in facts:
                    found.setdefault(facts["partition"], set()).add(facts["offset"])
    return found
