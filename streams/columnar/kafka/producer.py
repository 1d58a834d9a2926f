"""Columns of keys and values to Kafka: librdkafka's produce_batch without a Python object per row.

confluent-kafka takes records one by one, and holds the interpreter's lock meanwhile. Its librdkafka
can take an array of pointers; NumPy fills it. Idempotence, batches, compression, retries and the
connection are librdkafka's, as in every other producer here.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from typing import Any

import numpy as np
import numpy.typing as npt
from confluent_kafka import KafkaError, cimpl

from schemas.ragged import Integers, Ragged

_ANY_PARTITION = -1  # RD_KAFKA_PARTITION_UA: the partitioner chooses by the key
_PRODUCER = 0  # RD_KAFKA_PRODUCER
_COPY = 2  # RD_KAFKA_MSG_F_COPY
_OK = 0  # RD_KAFKA_CONF_OK
_ERROR_BYTES = 512
_WAIT_MS = 10  # for room in the queue


class _Message(ctypes.Structure):
    """rd_kafka_message_t, a public type of librdkafka that has been the same since version 1."""

    _fields_ = (
        ("err", c_int),
        ("rkt", c_void_p),
        ("partition", c_int32),
        ("payload", c_void_p),
        ("len", c_size_t),
        ("key", c_void_p),
        ("key_len", c_size_t),
        ("offset", c_int64),
        ("_private", c_void_p),
    )


_MESSAGE = np.dtype(_Message)
_Messages = npt.NDArray[Any]  # of _MESSAGE
_Reported = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_Message), c_void_p)


def _bind() -> ctypes.CDLL:
    """The librdkafka that confluent-kafka has loaded. Its calls release the interpreter's lock."""
    library = ctypes.CDLL(cimpl.__file__)
    for name, result, *arguments in (
        ("rd_kafka_conf_new", c_void_p),
        ("rd_kafka_conf_set", c_int, c_void_p, c_char_p, c_char_p, c_char_p, c_size_t),
        ("rd_kafka_conf_destroy", None, c_void_p),
        ("rd_kafka_conf_set_dr_msg_cb", None, c_void_p, _Reported),
        ("rd_kafka_new", c_void_p, c_int, c_void_p, c_char_p, c_size_t),
        ("rd_kafka_destroy", None, c_void_p),
        ("rd_kafka_topic_new", c_void_p, c_void_p, c_char_p, c_void_p),
        ("rd_kafka_topic_destroy", None, c_void_p),
        ("rd_kafka_produce_batch", c_int, c_void_p, c_int32, c_int, c_void_p, c_int),
        ("rd_kafka_poll", c_int, c_void_p, c_int),
        ("rd_kafka_flush", c_int, c_void_p, c_int),
        ("rd_kafka_outq_len", c_int, c_void_p),
        ("rd_kafka_err2str", c_char_p, c_int),
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


_librdkafka = _bind()


class ColumnProducer:
    """A producer of columns. Used by one thread at a time.

    Args:
        config: librdkafka's settings (`producer_config`).

    Raises:
        ValueError: a setting is unknown or wrong.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._refused: list[str] = []
        refused = self._refused

        @_Reported
        def reported(_producer: Any, message: Any, _opaque: Any) -> None:
            record = message.contents
            if record.err:
                key = ctypes.string_at(record.key, record.key_len) if record.key else None
                refused.append(_reason(key, record.err))

        self._handle = _new(config, reported)
        self._topics: dict[str, int] = {}
        # Not at the interpreter's end, where it would wait for a broker that is away.
        weakref.finalize(self, _destroy, self._handle, self._topics, reported).atexit = False

    def produce(self, topic: str, partition: int | None, keys: Ragged, values: Ragged) -> None:
        """Queue a record for every row; wait where the queue is full. The bytes are copied.

        Args:
            partition: None lets the keys choose.
        """
        messages = np.zeros(len(keys.lengths), dtype=_MESSAGE)
        messages["key"], messages["key_len"] = _addresses(keys), keys.lengths
        messages["payload"], messages["len"] = _addresses(values), values.lengths
        where = _ANY_PARTITION if partition is None else partition
        while len(messages):
            _librdkafka.rd_kafka_produce_batch(
                self._topic(topic), where, _COPY, messages.ctypes.data, len(messages)
            )
            messages = self._not_queued(messages)
            _librdkafka.rd_kafka_poll(self._handle, _WAIT_MS if len(messages) else 0)

    def flush(self, timeout: float) -> int:
        """Wait until everything is answered, at most `timeout` seconds; how many are not.

        A word of librdkafka about its connections that comes in between counts as one of them.
        """
        _librdkafka.rd_kafka_flush(self._handle, int(timeout * 1000))
        return int(_librdkafka.rd_kafka_outq_len(self._handle))

    def take_refused(self) -> list[str]:
        """Key and reason of every record refused since the last call."""
        refused = self._refused.copy()
        self._refused.clear()
        return refused

    def _not_queued(self, messages: _Messages) -> _Messages:
        """Records to try again, because the queue was full; other errors are final."""
        codes = messages["err"]
        if not codes.any():
            return messages[:0]
        full = codes == KafkaError._QUEUE_FULL
        for message in messages[(codes != 0) & ~full]:
            key = ctypes.string_at(int(message["key"]), int(message["key_len"]))
            self._refused.append(_reason(key, int(message["err"])))
        again: _Messages = messages[full]
        return again

    def _topic(self, name: str) -> int:
        topic = self._topics.get(name)
        if topic is None:
            topic = _librdkafka.rd_kafka_topic_new(self._handle, name.encode(), None)
            if topic is None:
                raise ValueError(f"{name!r} cannot be a topic")
            self._topics[name] = topic
        return topic


def _new(config: Mapping[str, Any], reported: Any) -> int:
    settings = _librdkafka.rd_kafka_conf_new()
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    try:
        for name, value in config.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            pair = name.encode(), text.encode()
            if _librdkafka.rd_kafka_conf_set(settings, *pair, error, _ERROR_BYTES) != _OK:
                raise ValueError(error.value.decode())
        _librdkafka.rd_kafka_conf_set_dr_msg_cb(settings, reported)
        handle: int | None = _librdkafka.rd_kafka_new(_PRODUCER, settings, error, _ERROR_BYTES)
        if handle is None:
            raise ValueError(error.value.decode())
    except ValueError:
        _librdkafka.rd_kafka_conf_destroy(settings)  # a producer would own it
        raise
    return handle


def _destroy(handle: int, topics: dict[str, int], _reported: Any) -> None:
    for topic in topics.values():
        _librdkafka.rd_kafka_topic_destroy(topic)
    _librdkafka.rd_kafka_destroy(handle)


def _addresses(rows: Ragged) -> Integers:
    return rows.data.ctypes.data + rows.starts


def _reason(key: bytes | None, code: int) -> str:
    text = _librdkafka.rd_kafka_err2str(code).decode()
    return f"{text} (key {key!r})"
