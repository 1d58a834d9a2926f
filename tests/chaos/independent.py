"""What the log says, counted once more without the runtime.

It shares no code with what it checks: records are read with confluent-kafka, decoded one at a time
with fastavro, and folded with dictionaries; decayed sums are taken over whole columns at the end.
"""

from __future__ import annotations

import datetime as dt
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
Place = tuple[int, str]  # partition and key: a key that comes in two partitions has two states


Views = tuple[list[Place], list[int]]  # where, and when in microseconds since 1970


@dataclass
class Recount:
    """State per partition and video by the definition.

    Attributes:
        rows: TOTALS, HOURS, `as_of` in microseconds since 1970, and `applied_offset`.
        events: how many events were counted.
        duplicates: how many were not, because their id stood within the horizon before them.
        unusable: records that are no events: they belong to the dead letters.
        viewers: who viewed each video.
    """

    rows: dict[Place, Row] = field(default_factory=dict)
    viewers: defaultdict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))
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
    views: Views = ([], [])
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
        place = (message.partition(), event["video_id"])
        row = found.rows.get(place)
        if row is None:
            row = found.rows[place] = dict.fromkeys(TOTALS, 0) | {"as_of": 0}
        _count(row, event)
        row["applied_offset"] = offset
        if event["kind"] == "view":
            views[0].append(place)
            views[1].append(_microseconds(event["occurred_at"]))
            if event["viewer_id"] is not None:
                found.viewers[place].add(event["viewer_id"])
    _decay(found.rows, views)
    return found


def _count(row: Row, event: Row) -> None:
    row["as_of"] = max(row["as_of"], _microseconds(event["occurred_at"]))
    row["watch_ms"] += event["watch_ms"] or 0
    if event["kind"] == "unlike":
        row["likes"] -= 1
    else:
        row[_COUNTED[event["kind"]]] += 1


def _decay(rows: dict[Place, Row], views: Views) -> None:
    """Sum of exp(-(as_of - t) / tau) over the views of each place."""
    number = {place: at for at, place in enumerate(rows)}
    newest = pl.Series("as_of", [row["as_of"] for row in rows.values()], dtype=pl.Int64)
    viewed = pl.DataFrame(
        {"place": [number[place] for place in views[0]], "at": views[1]},
        schema={"place": pl.Int64, "at": pl.Int64},
    )
    age_h = (newest.gather(viewed["place"]) - viewed["at"]) / 3_600e6
    sums = viewed.group_by("place").agg()
    for name, hours in HOURS.items():
        weighed = viewed.with_columns((-age_h / hours).exp().alias(name))
        sums = sums.join(weighed.group_by("place").agg(pl.col(name).sum()), on="place")
    found = {row.pop("place"): row for row in sums.iter_rows(named=True)}
    for place, row in rows.items():
        row.update(found.get(number[place], dict.fromkeys(HOURS, 0.0)))


def _microseconds(time: dt.datetime) -> int:
    return round(time.timestamp() * 1e6)


def last_rows(
    settings: Settings, topic: str, schema: Any, partitions: int, key: str = "video_id"
) -> dict[Place, Row]:
    """Per partition and key the last row of the output topic: what compaction keeps."""
    decode = Decoder(settings, schema)
    rows: dict[Place, Row] = {}
    for message in messages(settings, topic, partitions):
        row = decode(message.value())
        assert row is not None, f"{topic}/{message.partition()}/{message.offset()} is no row"
        if "as_of" in row:
            row["as_of"] = _microseconds(row["as_of"])
        rows[message.partition(), row[key]] = row
    return rows
