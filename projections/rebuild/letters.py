"""Dead letters that are known: records that were found unusable before."""

from __future__ import annotations

from projections.rebuild.reading import pieces, whole
from schemas.deadletters import facts_of
from schemas.topic import Topic


def known_letters(kafka: dict[str, str], topic: Topic, component: str) -> dict[int, set[int]]:
    """Offsets of a topic's records that the component gave up, by partition.

    Raises:
        LogReadError: the dead letters cannot be read.
    """
    found: dict[int, set[int]] = {}
    for span in whole(kafka, topic.dlq):
        for read in pieces(kafka, span):
            for headers in read.chunk.headers if read.chunk else ():
                facts = facts_of(headers)
                if facts.get("component") == component and "offset" in facts:
                    found.setdefault(facts["partition"], set()).add(facts["offset"])
    return found
