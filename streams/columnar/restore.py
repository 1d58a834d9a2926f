"""Read a partition's state back from the compacted output topic."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from time import monotonic

import polars as pl
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from schemas.catalogue import Topic
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from streams.columnar.errors import RestoreError
from streams.columnar.partition import APPLIED

_BATCH = 20_000  # records a fetch; about 5 MB
_FOLD_EVERY = 10  # batches between removals of rows that are not the newest
_WAIT_S = 0.05
_SILENCE_S = 60.0  # neither a record nor the end


@dataclass(frozen=True, slots=True)
class Restored:
    """State of a partition as the output topic has it.

    Attributes:
        rows: per key the row with the highest `applied_offset`.
        overtaken: those of them that are not the last of their key in the log: a worker that had
            lost the partition wrote an older row behind. They have to be written again, or
            compaction would keep the wrong one.
        end: the output topic's offset up to which that is so.
    """

    rows: pl.DataFrame
    overtaken: pl.DataFrame
    end: int


def restore(
    kafka: dict[str, str],
    topic: Topic,
    partition: int,
    decoder: FrameDecoder,
    schema: pl.Schema,
    given_up: threading.Event,
) -> Restored:
    """Read the partition to the end that it has now.

    Args:
        kafka: connection settings (librdkafka's names).
        decoder: of the output topic, with all columns of `schema`.
        schema: columns of a state row, `applied_offset` among them.
        given_up: set when nobody waits for the result any more.

    Raises:
        RestoreError: a state row cannot be decoded, the broker stopped answering, or it was given
            up.
    """
    consumer = Consumer(reader_config(kafka, topic))
    try:
        where = TopicPartition(topic.name, partition, OFFSET_BEGINNING)
        consumer.assign([where])
        frames, end = read_to_end(consumer, where, decoder, given_up)
        return newest(frames, topic.key, schema, end)
    except KafkaException as error:
        raise RestoreError(f"{topic.name}/{partition} cannot be read: {error}") from error
    finally:
        consumer.close()


def reader_config(kafka: dict[str, str], topic: Topic) -> dict[str, str | int | bool]:
    """librdkafka settings of a consumer that reads state: it joins no group, commits nothing."""
    return {
        **kafka,
        "group.id": f"restore.{topic.name}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 50,
        "queued.max.messages.kbytes": 64 * 1024,
    }


def read_to_end(
    consumer: Consumer,
    where: TopicPartition,
    decoder: FrameDecoder,
    given_up: threading.Event | None = None,
) -> tuple[list[pl.DataFrame], int]:
    """Frames of an assigned partition up to its end, and where that is.

    Of many rows of a key only those are kept that say which is newest and which is last.

    Raises:
        KafkaException: the broker answers with an error.
        RestoreError: a row cannot be decoded, the broker sends nothing, or it was given up.
    """
    frames: list[pl.DataFrame] = []
    heard = monotonic()
    while True:
        if given_up is not None and given_up.is_set():
            raise RestoreError(f"{where.topic}/{where.partition}: given up")
        # `consume` waits for a full batch, even behind the end: a short wait is an early end.
        messages = consumer.consume(_BATCH, timeout=_WAIT_S)
        if not messages:
            if monotonic() - heard > _SILENCE_S:
                raise RestoreError(
                    f"{where.topic}/{where.partition}: the broker sent nothing for {_SILENCE_S:g} s"
                )
            continue
        heard = monotonic()
        ends = [message.offset() for message in messages if _is_end(message)]
        messages = [message for message in messages if not _is_end(message)]
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
        if messages:
            frames.append(_decode(messages, where, decoder))
        if ends:
            # Rows may have come in behind the end that was told.
            return frames, max(*ends, *(message.offset() + 1 for message in messages[-1:]), 0)
        if len(frames) > _FOLD_EVERY:
            frames = [_summary(pl.concat(frames), decoder)]


def _is_end(message: Message) -> bool:
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def _decode(messages: list[Message], where: TopicPartition, decoder: FrameDecoder) -> pl.DataFrame:
    chunk = Chunk(
        where.topic,
        where.partition,
        [message.offset() for message in messages],
        [message.timestamp()[1] for message in messages],
        [message.key() for message in messages],
        [message.value() for message in messages],
        [message.headers() or () for message in messages],
    )
    decoded = decoder.decode(chunk)
    if decoded.rejects:
        # Going on without a row would count its events again, or never.
        first = decoded.rejects[0]
        raise RestoreError(
            f"{where.topic}/{where.partition} offset {chunk.offsets[first.row]} is no state "
            f"row: {first.reason}. Only the agent may write to its output topic"
        )
    return decoded.frame


def _summary(frame: pl.DataFrame, decoder: FrameDecoder) -> pl.DataFrame:
    """Of every key the row with the highest applied offset, and the last row of the log."""
    key = decoder.key
    newest = frame.sort(APPLIED, "_offset").unique(key, keep="last")
    last = frame.sort("_offset").unique(key, keep="last")
    return pl.concat([newest, last]).unique([key, "_offset"])


def newest(frames: list[pl.DataFrame], key: str, schema: pl.Schema, end: int) -> Restored:
    """What the rows of a partition up to `end` say.

    Args:
        frames: state rows with `_offset`, in any order.
    """
    if not frames:
        empty = pl.DataFrame(schema=schema)
        return Restored(empty, empty, end)
    frame = pl.concat(frames)
    last = frame.group_by(key).agg(pl.col("_offset").max().alias("_last"))
    newest = frame.sort(APPLIED, "_offset").unique(key, keep="last").join(last, on=key)
    # A later row with the same applied offset is the same row; only a lower one was overtaken.
    columns = schema.names()
    last_applied = frame.select(
        key, pl.col("_offset").alias("_last"), pl.col(APPLIED).alias("_applied")
    )
    newest = newest.join(last_applied, on=[key, "_last"])
    overtaken = newest.filter(pl.col("_applied") < pl.col(APPLIED))
    return Restored(newest.select(columns), overtaken.select(columns), end)
