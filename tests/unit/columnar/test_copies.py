"""Copies of refused records count once, whoever comes in between."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.catalogue import ENGAGEMENT
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.redrive import copy_headers
from streams.columnar.partition import Partition
from tests.unit.columnar.test_partition import CountingFold, partition, state_of, value
from tests.unit.schemas.fake_registry import FakeRegistry

Record = tuple[bytes, str | None]  # value, and the record that it repeats

ME = "virality@state"


def read(part: Partition, first: int, *records: Record, address: str = ME) -> None:
    decoder = FrameDecoder(
        FakeRegistry({1: ENGAGEMENT.schema}),
        ENGAGEMENT,
        ("video_id", "event_id", "kind"),
        address=address,
    )
    chunk = chunk_of(first, records)
    part.process(chunk, decoder.decode(chunk))


def chunk_of(first: int, records: Sequence[Record]) -> Chunk:
    count = len(records)
    headers = [() if of is None else copy_headers((), of, [ME]) for _, of in records]
    return Chunk(
        ENGAGEMENT.name,
        0,
        range(first, first + count),
        [1_780_000_000_000] * count,
        [b"k"] * count,
        [value for value, _ in records],
        headers,
    )


def views(part: Partition) -> dict[str, int]:
    return {key: count for key, (count, _) in state_of(part).items()}


def test_a_copy_is_no_duplicate_of_the_record_that_was_refused() -> None:
    part = partition(horizon=100)
    read(part, 0, (value(0, "v"), None), (value(1, "poison"), None))
    assert len(part.take_outbox().letters) == 1

    part.fold = Tolerant()
    read(part, 2, (value(1, "poison"), "engagement.events.v1/0/1"))

    assert views(part) == {"v": 1, "poison": 1}


def test_of_two_copies_of_a_record_one_counts() -> None:
    part = partition(horizon=100)
    copy = (value(1, "w"), "engagement.events.v1/0/1")

    read(part, 2, copy, (value(2, "v"), None))
    read(part, 4, copy)

    assert views(part) == {"w": 1, "v": 1}


def test_copies_of_different_records_with_one_id_are_told_apart() -> None:
    part = partition(horizon=100)

    read(part, 8, (value(1, "w"), "e/0/1"), (value(1, "w"), "e/0/2"), (value(1, "w"), None))

    assert views(part) == {"w": 3}


def test_a_copy_for_another_state_is_passed_over_and_the_position_moves() -> None:
    part = partition(horizon=100)

    read(part, 0, (value(1, "w"), "e/0/1"), address="virality@another")

    assert views(part) == {}
    assert part.take_outbox().next_offset == 1


def test_letters_name_the_state_that_refused() -> None:
    part = partition()
    part.state = "state"

    read(part, 0, (b"no avro", None))

    [letter] = part.take_outbox().letters
    assert dict(letter.headers)["groundswell.dlq.state"] == b"state"


class Tolerant(CountingFold):
    """As after a fix."""

    refused = "nobody"
