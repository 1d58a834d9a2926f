"""The dead letters of a topic as they are now, and what became of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from sys import intern
from typing import Any, NamedTuple

from schemas.chunks import Chunk
from schemas.deadletters import Note, Run, address_in, facts_of, note_of, run_of
from schemas.topic import Topic
from streams.columnar.kafka.log import chunks, slices


@dataclass(frozen=True, slots=True)
class Refusal:
    """That a component could not use a record.

    Attributes:
        address: the component, and its state where it keeps one (`schemas.redrive`).
        at: when, ISO 8601.
        done: what became of it: empty, `redriven`, `dropped` or `superseded`.
    """

    component: str
    address: str
    reason: str
    at: str
    done: str = ""


class Place(NamedTuple):
    """Where a record stands in its topic."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that could not be used.

    Attributes:
        record: which one: `topic/partition/offset`. Of something in the dead-letter topic that
            names no record, where that itself stands.
        place: the same; None where no record is named.
        received: when the dead-letter topic got the first letter about it.
        refusals: at least one.
        key: the record's.
        value: the record's, as it came.
        headers: the record's own.
    """

    record: str
    place: Place | None
    received: dt.datetime
    refusals: tuple[Refusal, ...]
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class Letterbox:
    """A dead-letter topic up to the end that it has now.

    Args:
        kafka: connection settings (librdkafka's names).

    Attributes:
        unfinished: redrives that began and were cut off.

    Raises:
        LogReadError: the dead-letter topic cannot be read.
    """

    def __init__(self, kafka: dict[str, str], topic: Topic) -> None:
        self._kafka = kafka
        self._slices = slices(kafka, topic.dlq)
        self._refusals: dict[str, dict[str, Refusal]] = {}
        self._done: dict[tuple[str, str], str] = {}
        runs: dict[str, Run] = {}
        for chunk in self._chunks():
            for row, headers in enumerate(chunk.headers):
                if (run := run_of(headers)) is not None:
                    runs[run.id] = run
                elif (note := note_of(chunk.keys[row], headers)) is not None:
                    self.note(note)
                else:
                    self._enter(chunk, row)
        self.unfinished = [run for run in runs.values() if run.ends]

    def note(self, note: Note) -> None:
        """Take in what became of a letter."""
        record = (note.record or b"").decode(errors="replace")
        for address in note.addresses:
            self._done[record, address] = note.done

    def refusals(self, record: str, *, done: bool = False, reason: str = "") -> list[Refusal]:
        """Who could not use a record.

        Args:
            done: also those that are done with.
            reason: only those whose reason contains this text, in whatever case.
        """
        found = []
        for address, one in self._refusals.get(record, {}).items():
            outcome = self._done.get((record, address), "")
            if (done or not outcome) and reason.casefold() in one.reason.casefold():
                found.append(
                    Refusal(one.component, address, one.reason, one.at, outcome) if outcome else one
                )
        return found

    def letters(self, *, done: bool = False, reason: str = "") -> Iterator[Letter]:
        """The letters in the order in which they came; each record once, with its refusals.

        Args: as of `refusals`.
        """
        seen: set[str] = set()
        for chunk in self._chunks():
            for row, headers in enumerate(chunk.headers):
                if run_of(headers) is not None or note_of(None, headers) is not None:
                    continue
                record = _record(chunk, row)
                if record in seen:
                    continue
                seen.add(record)
                found = self.refusals(record, done=done, reason=reason)
                if found:
                    yield _letter(chunk, row, tuple(found))

    def _chunks(self) -> Iterator[Chunk]:
        with closing(chunks(self._kafka, self._slices)) as found:
            yield from found

    def _enter(self, chunk: Chunk, row: int) -> None:
        facts = facts_of(chunk.headers[row])
        address = intern(address_in(facts))
        # A component may send its letter twice; the first one tells.
        self._refusals.setdefault(_record(chunk, row), {}).setdefault(
            address,
            Refusal(
                intern(str(facts.get("component", "unknown"))),
                address,
                intern(str(facts.get("reason", "unknown"))),
                str(facts.get("at", "")),
            ),
        )


def _record(chunk: Chunk, row: int) -> str:
    key = chunk.keys[row]
    if key is None:
        return f"{chunk.topic}/{chunk.partition}/{chunk.offsets[row]}"
    return key.decode(errors="replace")


def _letter(chunk: Chunk, row: int, refusals: tuple[Refusal, ...]) -> Letter:
    facts: dict[str, Any] = facts_of(chunk.headers[row])
    named = "partition" in facts and "offset" in facts
    return Letter(
        _record(chunk, row),
        Place(facts["partition"], facts["offset"]) if named else None,
        dt.datetime.fromtimestamp(chunk.timestamps[row] / 1000, dt.UTC),
        refusals,
        facts["key"],
        chunk.values[row],
        facts["headers"],
    )
