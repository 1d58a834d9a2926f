"""Copies are for the components that refused their record, and for nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.catalogue import ENGAGEMENT
from schemas.chunks import Chunk
from schemas.deadletters import Note, Run, note_headers, note_of, run_headers, run_of
from schemas.frames import Decoded, FrameDecoder
from schemas.redrive import NOBODY, address_of, copy_headers, copy_of
from tests.unit.schemas.fake_registry import FakeRegistry
from tests.unit.schemas.test_record_batches import Sent, batch, batches, event

OF = "engagement.events.v1/3/7"


def a_copy(number: int, *addresses: str) -> Sent:
    return Sent(event(number), headers=tuple(copy_headers((), OF, addresses)))


def decoded(address: str | None, *records: Sent, compacted: bool = False) -> Decoded:
    topic = replace(ENGAGEMENT, compacted=compacted)
    decoder = FrameDecoder(FakeRegistry({1: topic.schema}), topic, address=address)
    plain = batch([Sent(event(0)), Sent(event(1))])
    whole = batches(plain, batch(records, base=2))
    return decoder.decode(Chunk.of_batches(topic.name, 3, whole))


@pytest.mark.parametrize(
    ("address", "ids", "others"),
    [
        ("virality@state", ["e0", "e1", "e5"], 1),
        ("virality@another", ["e0", "e1"], 2),
        ("policy", ["e0", "e1", "e6"], 1),
        ("policy@any", ["e0", "e1", "e6"], 1),
        (NOBODY, ["e0", "e1"], 2),
        (None, ["e0", "e1", "e5", "e6"], 0),
    ],
)
def test_a_decoder_passes_over_what_is_for_others(
    address: str | None, ids: list[str], others: int
) -> None:
    copies = a_copy(5, "virality@state", "projection"), a_copy(6, "policy")

    found = decoded(address, *copies)

    assert found.frame["event_id"].to_list() == ids
    assert found.others == others
    assert found.rejects == []
    assert set(found.copies) == set(found.frame["_offset"]) - {0, 1}
    assert set(found.copies.values()) <= {OF}


def test_of_a_compacted_topic_every_copy_is_read() -> None:
    found = decoded(NOBODY, a_copy(5, "projection"), compacted=True)

    assert found.frame["event_id"].to_list() == ["e0", "e1", "e5"]


def test_a_copy_that_is_refused_again_is_a_reject_at_its_place() -> None:
    broken = Sent(b"no avro", headers=tuple(copy_headers((), OF, ["virality"])))

    found = decoded("virality", a_copy(4, "others"), broken, Sent(event(6)))

    assert [reject.row for reject in found.rejects] == [3]
    assert found.frame["event_id"].to_list() == ["e0", "e1", "e6"]


def test_a_copy_of_a_copy_names_only_the_record_that_it_repeats() -> None:
    first = copy_headers([("ce_id", b"1"), ("empty", None)], OF, ["a"])

    second = copy_headers(first, "engagement.events.v1/3/9", ["b", "c"])

    assert second[:2] == [("ce_id", b"1"), ("empty", None)]
    copy = copy_of(second)
    assert copy is not None
    assert copy.of == "engagement.events.v1/3/9"
    assert copy.addresses == {"b", "c"}


def test_a_record_without_such_headers_is_no_copy() -> None:
    assert copy_of([("ce_id", b"1")]) is None
    assert copy_of([]) is None


def test_a_state_is_a_part_of_the_address() -> None:
    copy = copy_of(copy_headers((), OF, [address_of("virality", "x")]))
    assert copy is not None
    assert copy.is_for(address_of("virality", "x"))
    assert not copy.is_for(address_of("virality", "y"))
    assert not copy.is_for(address_of("virality"))
    assert not copy.is_for(address_of("vir", "x"))


def test_notes_and_runs_come_back_as_they_were_written() -> None:
    note = Note(b"t/0/1", "redriven", frozenset({"a", "b@c"}), "t/0/9")
    run = Run("r", {0: 5, 11: 7})

    assert note_of(b"t/0/1", note_headers(note)) == note
    assert run_of(run_headers(run)) == run
    assert run_of(run_headers(Run("r", {}))) == Run("r", {})
    assert note_of(b"k", [("groundswell.dlq.reason", b"x")]) is None
    assert run_of([("groundswell.dlq.reason", b"x")]) is None
    assert note_of(None, run_headers(run)) is None
    assert run_of(note_headers(note)) is None
