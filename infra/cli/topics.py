"""`groundswell topics`: the catalogue."""

from __future__ import annotations

from infra.cli.common import Json, print_json, table


def topics(json: Json = False) -> None:
    """List the topics: name, key, partitions, retention, what they carry.

    Example: groundswell topics
    """
    from schemas.catalogue import TOPICS

    facts = [
        {
            "name": topic.name,
            "key": topic.key,
            "partitions": topic.partitions,
            "kept": "newest per key" if topic.compacted else _days(topic.retention_days),
            "about": topic.about,
        }
        for topic in TOPICS.values()
    ]
    if not json:
        table(facts)
        return
    print_json(
        [
            {
                **fact,
                "compacted": topic.compacted,
                "retention_days": topic.retention_days,
                "dlq": topic.dlq,
                "records": [record["name"] for record in topic.records],
            }
            for fact, topic in zip(facts, TOPICS.values(), strict=True)
        ]
    )


def _days(days: int | None) -> str:
    return "for ever" if days is None else f"{days} days"
