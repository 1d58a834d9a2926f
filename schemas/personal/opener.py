"""The reader's half: sealed columns of frames opened, where the keys are still there."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Protocol

import polars as pl

from schemas.personal.errors import TamperedError
from schemas.personal.sealed import PATTERN, PersonKey, place_of, reference_of
from schemas.topic import Topic


class Keys(Protocol):
    """Where keys are looked up: `PersonKeys`."""

    def by_reference(self, references: Collection[bytes]) -> dict[bytes, PersonKey]:
        """The keys that are still there."""


class Opener:
    """Opens the personal columns of a topic's frames. Safe between threads.

    Attributes:
        forgotten: values so far whose person was forgotten; they are null.
        tampered: values so far that are not as they were sealed; they are null too.
    """

    def __init__(self, keys: Keys, topic: Topic) -> None:
        self._keys = keys
        self._topic = topic
        self._lock = threading.Lock()
        self.forgotten = 0
        self.tampered = 0

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with those of its columns opened that are personal; plain values stay.

        Raises:
            PersonalDataError, psycopg.OperationalError: keys cannot be had.
        """
        columns = [name for name in self._topic.personal if name in frame.columns]
        counted = {
            name: frame[name].filter(frame[name].str.contains(PATTERN)).value_counts(name="count")
            for name in columns
        }
        references = {
            reference
            for name, values in counted.items()
            for text in values[name]
            if (reference := reference_of(text))
        }
        keys = self._keys.by_reference(references) if references else {}
        return frame.with_columns(
            self._opened(frame[name], values, keys) for name, values in counted.items()
        )

    def _opened(
        self, column: pl.Series, values: pl.DataFrame, keys: dict[bytes, PersonKey]
    ) -> pl.Series:
        place = place_of(self._topic.name, column.name)
        opened: dict[str, str | None] = {}
        forgotten = tampered = 0
        for text, count in values.iter_rows():
            key = keys.get(reference_of(text) or b"")
            opened[text] = None
            if key is None:
                forgotten += count
                continue
            try:
                opened[text] = key.open(place, text)
            except TamperedError:
                tampered += count
        with self._lock:
            self.forgotten += forgotten
            self.tampered += tampered
        if not opened:
            return column
        texts = pl.Series(list(opened), dtype=pl.String)
        plain = pl.Series(list(opened.values()), dtype=pl.String)
        return column.replace_strict(texts, plain, default=column, return_dtype=pl.String)
