"""What the log says, counted once more without the runtime.

It shares no code with what it checks: records are read with confluent-kafka, decoded one at a time
with fastavro, and folded with dictionaries; decayed sums are taken over whole columns at the end.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import fastavro
import httpx
import polars as pl
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from infra.settings import Settings

_COUNTED = {
    "view": "views",
    "like": "likes",
    "dislike": "dislikes",
    "comment": "comments",
    "share": "shares",
    "save": "saves",
    "impression": "impressions",
}
COUNTS = tuple(_COUNTED.values())
TOTALS = (*COUNTS, "watch_ms")
HOURS = {"views_1h": 1, "views_6h": 6, "views_24h": 24, "views_7d": 168}
_BATCH = 10_000

Row = dict[str, Any]


@dataclass
class Recount:
    """State per video by the definition.

    Attributes:
        rows: TOTALS, HOURS, `as_of` in microseconds since 1970, and `applied_offset`.
        events: how many events were counted.
        duplicates: how many were not, because their id stood within the horizon before them.
        unusable: records that are no events: they belong to the dead letters.
        viewers: who viewed each video.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    viewers: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    events: int = 0
    duplicates: int = 0
    unusable: int = 0


def messages(settings: Settings, topic: str, partitions: int) -> Iterator[Message]:
    """Every record of a topic that no transaction took back; each partition in its order."""
    consumer = Consumer(
        {
            **settings.kafka_config(),
            "group.id": "tests.recount",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
        }
    )
    consumer.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for n in range(partitions)])
    open_ = set(range(partitions))
    while open_:
        for message in consumer.consume(_BATCH, 0.1):
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                open_.discard(message.partition())
            else:
                raise KafkaException(error)
    consumer.close()


class Decoder:
    """Avro in the Confluent wire format, record by record."""

    def __init__(self, settings: Settings, reader: Any) -> None:
        self._url = settings.registry_config()["url"]
        self._reader = fastavro.parse_schema(reader, named_schemas={})
        self._writers: dict[int, Any] = {}

    def __call__(self, value: bytes) -> Row | None:
        """The record, None where it is none."""
        if len(value) < 5 or value[0] != 0:
            return None
        writer = self._writer(int.from_bytes(value[1:5]))
        if writer is None:
            return None
        body = io.BytesIO(value[5:])
        try:
            record: Any = fastavro.schemaless_reader(body, writer, self._reader)
        except Exception:
            return None
        return record if not body.read(1) else None

    def _writer(self, number: int) -> Any:
        if number not in self._writers:
            answer = httpx.get(f"{self._url}/schemas/ids/{number}")
            self._writers[number] = None
            if answer.status_code == httpx.codes.OK:
                schema = json.loads(answer.json()["schema"])
                self._writers[number] = fastavro.parse_schema(schema, named_schemas={})
        return self._writers[number]


def recount(settings: Settings, topic: str, schema: Any, partitions: int, horizon: int) -> Recount:
    """Fold the topic by the definition: each event once.

    An event is a duplicate if its id stands at one of the `horizon` offsets before it in the same
    partition.
    """
    found = Recount()
    decode = Decoder(settings, schema)
    seen: dict[tuple[int, str], int] = {}
    views: dict[str, list[Any]] = {"video_id": [], "at": []}
    for message in messages(settings, topic, partitions):
        if message.value() is None:
            continue
        event = decode(message.value())
        if event is None:
            found.unusable += 1
            continue
        offset, identity = message.offset(), (message.partition(), event["event_id"])
        before, seen[identity] = seen.get(identity), offset
        if before is not None and offset - before <= horizon:
            found.duplicates += 1
            continue
        found.events += 1
        _count(found.rows, event, offset, views)
        if event["kind"] == "view" and event["viewer_id"] is not None:
            found.viewers[event["video_id"]].add(event["viewer_id"])
    _decay(found.rows, views)
    return found


def _count(rows: dict[str, Row], event: Row, offset: int, views: dict[str, list[Any]]) -> None:
    row = rows.get(event["video_id"])
    if row is None:
        row = rows[event["video_id"]] = dict.fromkeys(TOTALS, 0) | {"as_of": 0}
    at = round(event["occurred_at"].timestamp() * 1e6)
    row["as_of"] = max(row["as_of"], at)
    row["applied_offset"] = offset
    row["watch_ms"] += event["watch_ms"] or 0
    kind = event["kind"]
    if kind == "unlike":
        row["likes"] -= 1
    else:
        row[_COUNTED[kind]] += 1
    if kind == "view":
        views["video_id"].append(event["video_id"])
        views["at"].append(at)


def _decay(rows: dict[str, Row], views: dict[str, list[Any]]) -> None:
    """Sum of exp(-(as_of - t) / tau) over the views of each video."""
    newest = {"video_id": list(rows), "as_of": [row["as_of"] for row in rows.values()]}
    age_h = (pl.col("as_of") - pl.col("at")) / 3_600e6
    sums = (
        pl.DataFrame(views, schema={"video_id": pl.String, "at": pl.Int64})
        .join(pl.DataFrame(newest), on="video_id")
        .group_by("video_id")
        .agg((-age_h / hours).exp().sum().alias(name) for name, hours in HOURS.items())
    )
    for row in rows.values():
        row.update(dict.fromkeys(HOURS, 0.0))
    for one in sums.iter_rows(named=True):
        rows[one.pop("video_id")].update(one)


def last_rows(
    settings: Settings, topic: str, schema: Any, partitions: int, key: str = "video_id"
) -> dict[str, Row]:
    """Per key the last row of the output topic: what compaction keeps."""
    decode = Decoder(settings, schema)
    rows: dict[str, Row] = {}
    for message in messages(settings, topic, partitions):
        row = decode(message.value())
        assert row is not None, f"{topic}/{message.partition()}/{message.offset()} is no row"
        if "as_of" in row:
            row["as_of"] = round(row["as_of"].timestamp() * 1e6)
        rows[row[key]] = row
    return rows
