"""Files of events: rows that have a topic's own fields, as `replay` writes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.ingest.columns import Column, Kind, require, typed
from infra.ingest.errors import IngestError
from infra.ingest.rows import LINE, BadRow, Batch
from infra.ingest.sources import columns_of, kind_of, read, read_json
from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    ENGAGEMENT,
    GENERATION_REQUESTS,
    VIDEO_SNAPSHOTS,
    VIDEO_UPLOADS,
)
from schemas.errors import InvalidEventError
from schemas.json_events import from_json
from schemas.topic import Topic

# Facts from outside. Every other topic is written by an agent or a relay, whose state it is.
FACTS = (ENGAGEMENT, VIDEO_UPLOADS, CHANNEL_SNAPSHOTS, VIDEO_SNAPSHOTS, GENERATION_REQUESTS)

TOPIC = "_topic"  # a line of NDJSON may name its own topic, as `simulate --out` writes it

_KINDS: dict[str, Kind] = {
    "string": "text",
    "enum": "text",
    "int": "int",
    "long": "count",
    "double": "number",
    "array": "list",
}


def batches(path: Path, topic: Topic) -> Iterator[Batch]:
    """One event per row, in the order of the file.

    Raises:
        IngestError: the file cannot be used, or the topic is not for facts from outside.
    """
    if topic not in FACTS:
        raise IngestError(
            f"{topic.name} is written by Groundswell itself; events can be ingested into "
            + ", ".join(fact.name for fact in FACTS)
        )
    if kind_of(path) == "ndjson":
        yield from _objects(path, topic)
    else:
        yield from _table(path, topic)


def event_columns(topic: Topic) -> tuple[Column, ...]:
    """The fields of a topic's events as columns."""
    return tuple(_column(field) for field in topic.schema["fields"])


def _objects(path: Path, topic: Topic) -> Iterator[Batch]:
    facts = {fact.name: fact for fact in FACTS}
    for rows, bad in read_json(path):
        found: defaultdict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
        for line, row in rows:
            name = row.get(TOPIC, topic.name)
            try:
                if name not in facts:
                    raise InvalidEventError(TOPIC, f"{name!r} is none of {', '.join(facts)}")
                # Names that begin with _ are coordinates that `replay` adds.
                event = {name: row[name] for name in row if not name.startswith("_")}
                found[name].append((line, from_json(facts[name], event)))
            except InvalidEventError as error:
                bad.append(BadRow(path.name, line, str(error)))
        if bad:
            yield Batch(topic, path.name, [], bad=bad)
        for name, events in found.items():
            lines = [line for line, _ in events]
            yield Batch(facts[name], path.name, [event for _, event in events], lines)


def _table(path: Path, topic: Topic) -> Iterator[Batch]:
    wanted = event_columns(topic)
    columns = columns_of(path)
    require(path, columns, wanted, topic.name)
    known = {column.name for column in wanted}
    unknown = [name for name in columns if name not in known and not name.startswith("_")]
    if unknown:
        raise IngestError(
            f"{path}: {topic.name} has no field {', '.join(unknown)}; it has {', '.join(known)}"
        )
    for rows in read(path):
        frame, bad = typed(rows.frame, wanted, path.name)
        yield Batch(
            topic,
            path.name,
            frame.select(*(column.name for column in wanted), LINE),
            bad=[*rows.bad, *bad],
        )


def _column(field: dict[str, Any]) -> Column:
    avro = field["type"]
    if isinstance(avro, list):
        avro = next(branch for branch in avro if branch != "null")
    kind: Kind
    if isinstance(avro, dict):
        is_time = avro.get("logicalType") == "timestamp-micros"
        kind = "time" if is_time else _KINDS[avro["type"]]
    else:
        kind = _KINDS[avro]
    return Column(field["name"], kind, required="default" not in field)
