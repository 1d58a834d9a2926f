"""What a topic is: name, key and schema, how long it keeps what, and rules of its events."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from schemas.rules import Rule

AVRO = Path(__file__).parent / "avro"

MAX_RECORD_BYTES = 8 << 20
MAX_LETTER_BYTES = MAX_RECORD_BYTES + (256 << 10)
DLQ_RETENTION_DAYS = 30

# Kafka deletes whole segments, and one only when its newest record is old enough. Where records
# must be gone by a day, a segment is closed after so long at the latest.
SEGMENT = dt.timedelta(hours=6)

DLQ_SUFFIX = ".dlq"


@dataclass(frozen=True)
class Topic:
    """A Kafka topic and what its values are.

    Attributes:
        name: `<domain>.<facts>.v<N>`.
        key: the field of the event that is the record's key.
        about: one sentence for the docs.
        partitions: how many; never changed for a topic that exists (keys would move).
        compacted: keep the newest row of a key: for ever, or until it expires.
        retention_days: how long records are kept; None is for ever. Of a compacted topic it
            counts only where it expires.
        expires: raw data of the platform's API: retention_days is the most, to the hour.
        columnar: carries a single record type that can be decoded as a frame.
        events: name of the schema file; that of the topic where it is left out. A topic of
            another name can so carry the same events.
        rules: what every event keeps beyond its types.
        folder: where the schema file is.
    """

    name: str
    key: str
    about: str
    partitions: int = 4
    compacted: bool = False
    retention_days: int | None = None
    expires: bool = False
    columnar: bool = True
    events: str = ""
    rules: tuple[Rule, ...] = field(default=(), compare=False)  # expressions have no hash
    folder: Path = AVRO

    def __post_init__(self) -> None:
        if not self.events:
            object.__setattr__(self, "events", self.name)

    @property
    def dlq(self) -> str:
        """Name of the topic for records that could not be used."""
        return f"{self.name}{DLQ_SUFFIX}"

    @property
    def subject(self) -> str:
        """Subject of the value schema in the registry (topic name strategy)."""
        return f"{self.name}-value"

    @cached_property
    def schema(self) -> Any:
        """The reader schema as parsed JSON: a record, or a list of records for a life story."""
        return json.loads((self.folder / f"{self.events}.avsc").read_text())

    @cached_property
    def times(self) -> frozenset[str]:
        """The fields that are instants."""
        return frozenset(
            field["name"]
            for record in self.records
            for field in record["fields"]
            if isinstance(field["type"], dict)
            and field["type"].get("logicalType") == "timestamp-micros"
        )

    @cached_property
    def personal(self) -> dict[str, str]:
        """The fields that hold something personal, each with the field that names the person.

        A field that one record of a life story marks is personal in all of them.

        Raises:
            ValueError: a field is marked that cannot be sealed.
        """
        found = {
            field["name"]: field["personal"]
            for record in self.records
            for field in record["fields"]
            if "personal" in field
        }
        for record in self.records:
            types = {field["name"]: field["type"] for field in record["fields"]}
            for name, person in found.items():
                if person not in types and name in types:
                    raise ValueError(f"{self.name}: {name} belongs to {person}, which is no field")
                if types.get(name, "string") not in ("string", ["null", "string"]):
                    raise ValueError(f"{self.name}: {name} is personal, so it must be a string")
        plain = {self.key, "event_id"} & found.keys()
        if plain:
            # Partitions, compaction and duplicates are told by them.
            raise ValueError(f"{self.name}: {plain.pop()} cannot be personal: it stays in plain")
        return found

    @property
    def records(self) -> list[dict[str, Any]]:
        """The record schemas that the topic can carry."""
        return self.schema if isinstance(self.schema, list) else [self.schema]

    def config(self) -> dict[str, str]:
        """Kafka's settings for the topic.

        Append time, not the producer's clock: retention must count from when a record was stored,
        or history that is ingested today would be deleted at once.
        """
        config = {"message.timestamp.type": "LogAppendTime"}
        if self.compacted:
            # A worker that slept past its session can write old rows after newer ones. Until the
            # lag has passed both are there, and a restore picks the right one.
            config |= {
                "cleanup.policy": "compact",
                "min.compaction.lag.ms": str(10 * 60 * 1000),
                "segment.ms": str(60 * 60 * 1000),
                # A state row can be long: a busy channel's baselines take a megabyte.
                "max.message.bytes": str(MAX_RECORD_BYTES),
            }
            if self.expires and self.retention_days is not None:
                at_most = _at_most(self.retention_days)
                config |= {
                    "cleanup.policy": "compact,delete",
                    "retention.ms": at_most["retention.ms"],
                }
        else:
            days = self.retention_days
            config |= {"cleanup.policy": "delete"}
            if self.expires and days is not None:
                config |= _at_most(days)
            else:
                config |= {"retention.ms": str(-1 if days is None else days * 24 * 3600 * 1000)}
        return config


def _at_most(days: int) -> dict[str, str]:
    """No record is kept for longer than so many days."""
    kept = dt.timedelta(days=days) - SEGMENT
    return {
        "retention.ms": str(kept // dt.timedelta(milliseconds=1)),
        "segment.ms": str(SEGMENT // dt.timedelta(milliseconds=1)),
    }


def dead_letter_config() -> dict[str, str]:
    """Kafka's settings for a dead-letter topic: a letter is its record and some headers more."""
    return {
        "cleanup.policy": "delete",
        **_at_most(DLQ_RETENTION_DAYS),
        "max.message.bytes": str(MAX_LETTER_BYTES),
        "message.timestamp.type": "LogAppendTime",
    }
