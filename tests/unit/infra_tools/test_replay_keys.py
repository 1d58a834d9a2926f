"""Records of one key out of whole batches."""

from __future__ import annotations

from infra.replay.keys import stranger, with_key
from schemas.chunks import Chunk
from streams.columnar.kafka.partitioner import partitions_of
from tests.unit.schemas.test_record_batches import Sent, batch, batches, event


def chunk(*parts: bytes, start: int = 0, end: int | None = None, partition: int = 3) -> Chunk:
    return Chunk.of_batches("t", partition, batches(*parts), start, end)


def records(*keys: bytes | None) -> list[Sent]:
    return [Sent(event(number), key=key) for number, key in enumerate(keys)]


def test_only_records_of_the_key_are_left_with_their_offsets() -> None:
    parts = (
        batch(records(b"a", b"b", b"a")),
        batch(records(b"b", b"b"), base=10),
        batch([Sent(None, key=b"a"), Sent(b"a", key=None), Sent(b"x", key=b"aa")], base=20),
    )

    found = with_key(chunk(*parts), b"a")

    assert found is not None
    assert found.offsets == [0, 2, 20]
    assert found.keys == [b"a"] * 3
    assert found.values[2] is None
    assert with_key(chunk(*parts), b"c") is None
    # In the bytes, but no key.
    assert with_key(chunk(batch([Sent(b"zebra", key=b"a")])), b"zebra") is None


def test_what_is_outside_of_the_slice_is_left_out() -> None:
    parts = (batch(records(b"a", b"a", b"a")), batch(records(b"a", b"a", b"a"), base=3))

    found = with_key(chunk(*parts, start=1, end=5), b"a")

    assert found is not None
    assert found.offsets == [1, 2, 3, 4]


def test_a_key_in_the_wrong_partition_is_seen() -> None:
    home = int(partitions_of(["channel"], 4)[0])
    parts = batch(records(b"channel", None))

    assert stranger(chunk(parts, partition=home), 4) is None
    assert stranger(chunk(parts, partition=(home + 1) % 4), 4) == "channel"
    assert stranger(chunk(batch(records(None))), 4) is None
