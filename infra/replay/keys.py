"""The records of one key, without decoding the others."""

from __future__ import annotations

from itertools import compress

from schemas.chunks import Chunk, RecordHeaders
from streams.columnar.kafka.partitioner import partitions_of


def with_key(chunk: Chunk, key: bytes) -> Chunk | None:
    """The records of a chunk with a key; None without any.

    A batch that does not contain the key's bytes anywhere is passed over whole. The others are
    taken apart.
    """
    offsets: list[int] = []
    timestamps: list[int] = []
    values: list[bytes | None] = []
    headers: list[RecordHeaders] = []
    for batch in chunk.batches:
        if key not in batch.records:
            continue
        part = chunk.of([batch])
        same = [found == key for found in part.keys]
        offsets += compress(part.offsets, same)
        timestamps += compress(part.timestamps, same)
        values += compress(part.values, same)
        headers += compress(part.headers, same)
    if not offsets:
        return None
    keys = [key] * len(offsets)
    return Chunk(chunk.topic, chunk.partition, offsets, timestamps, keys, values, headers)


def stranger(chunk: Chunk, partitions: int) -> str | None:
    """A key of the chunk that the murmur2 partitioner puts elsewhere; None if none is seen.

    Only the first key of each batch is looked at. Where producers have different partitioners, or
    the topic had fewer partitions once, a key is in several.
    """
    heads = (batch.head(0) for batch in chunk.batches if batch.count)
    keys = list({head.key for head in heads if head.key is not None})
    astray = partitions_of(keys, partitions) != chunk.partition
    found = next(compress(keys, astray), None)
    return None if found is None else found.decode(errors="backslashreplace")
