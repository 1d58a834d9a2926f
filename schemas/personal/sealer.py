"""The door's half: personal fields of events on their way into the log are sealed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

import polars as pl

from schemas.errors import InvalidEventError
from schemas.personal.sealed import PATTERN, PersonKey, is_sealed, place_of
from schemas.topic import Topic


class Keys(Protocol):
    """Where keys come from: `PersonKeys`."""

    def of(self, persons: Collection[str]) -> dict[str, PersonKey]:
        """The key of each person, made where there is none."""


class Sealer:
    """Seals the fields that a topic's schema marks as personal.

    What is sealed already passes as it is, so that a replayed file can be ingested again. Null and
    empty values say nothing of anybody and stay. A value whose person is not named is refused.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def records(
        self, topic: Topic, records: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any] | InvalidEventError]:
        """Each record with its personal fields sealed, or what is wrong with it.

        Values that are no strings are left for the codec to refuse.

        Raises:
            PersonalDataError, psycopg.OperationalError: keys cannot be had.
        """
        found = [_to_seal(topic, record) for record in records]
        persons = {person for one in found if isinstance(one, dict) for person in one.values()}
        keys = self._keys.of(persons) if persons else {}
        places = {name: place_of(topic.name, name) for name in topic.personal}
        return [
            {**record, **{n: keys[person].seal(places[n], record[n]) for n, person in one.items()}}
            if isinstance(one, dict)
            else one
            for record, one in zip(records, found, strict=True)
        ]

    def columns(self, topic: Topic, columns: dict[str, list[Any]]) -> dict[int, InvalidEventError]:
        """Seal the personal columns, in place; what is wrong with which rows.

        Args:
            columns: lists of equal length, a personal one and one that names persons of texts and
                nulls.

        Raises:
            PersonalDataError, psycopg.OperationalError: keys cannot be had.
        """
        wrong: dict[int, InvalidEventError] = {}
        wanted: dict[str, list[str | None]] = {}  # whose each value is; None: it stays as it is
        for name, person_field in topic.personal.items():
            persons: list[str | None] = []
            for row, (value, person) in enumerate(
                zip(columns[name], columns[person_field], strict=True)
            ):
                if not value or is_sealed(value):
                    persons.append(None)
                elif not person or is_sealed(person):
                    wrong[row] = _unnamed(topic, name)
                    persons.append(None)
                else:
                    persons.append(person)
            wanted[name] = persons
        everyone = {person for persons in wanted.values() for person in persons if person}
        keys = self._keys.of(everyone) if everyone else {}
        for name, persons in wanted.items():
            place = place_of(topic.name, name)
            columns[name] = [
                value if person is None else keys[person].seal(place, value)
                for value, person in zip(columns[name], persons, strict=True)
            ]
        return wrong

    def frame(
        self, topic: Topic, frame: pl.DataFrame
    ) -> tuple[pl.DataFrame, dict[int, InvalidEventError]]:
        """A frame of events with its personal columns sealed, and what is wrong with which rows.

        A wrong row has nulls in its personal columns. Distinct values are sealed once.

        Args:
            frame: personal columns and those that name persons are Strings.

        Raises:
            PersonalDataError, psycopg.OperationalError: keys cannot be had.
        """
        pairs = {
            name: frame.lazy()
            .select(value=name, person=person)
            .filter(pl.col("value") != "", ~pl.col("value").str.contains(PATTERN))
            .unique()
            .collect()
            for name, person in topic.personal.items()
            if name in frame.columns
        }
        if not pairs:
            return frame, {}
        named = pl.concat([found["person"] for found in pairs.values()]).unique()
        persons = named.filter((named != "") & ~named.str.contains(PATTERN))
        keys = self._keys.of(persons.to_list()) if len(persons) else {}
        wrong: dict[int, InvalidEventError] = {}
        columns = []
        for name, found in pairs.items():
            column, unnamed = _sealed(topic, frame, name, found, keys)
            columns.append(column)
            wrong |= dict.fromkeys(unnamed, _unnamed(topic, name))
        return frame.with_columns(columns), wrong


def _to_seal(topic: Topic, record: dict[str, Any]) -> dict[str, str] | InvalidEventError:
    """The fields of a record that are to be sealed, each with its person."""
    wanted = {}
    for name, person_field in topic.personal.items():
        value, person = record.get(name), record.get(person_field)
        if not isinstance(value, str) or not value or is_sealed(value):
            continue
        if not isinstance(person, str) or not person or is_sealed(person):
            return _unnamed(topic, name)
        try:
            (value + person).encode()
        except UnicodeEncodeError:
            return InvalidEventError(name, "is no Unicode text")
        wanted[name] = person
    return wanted


def _sealed(
    topic: Topic,
    frame: pl.DataFrame,
    name: str,
    pairs: pl.DataFrame,
    keys: dict[str, PersonKey],
) -> tuple[pl.Series, list[int]]:
    """A column sealed, and the rows whose person is not named."""
    place = place_of(topic.name, name)
    sealed = [
        key.seal(place, value) if (key := keys.get(person)) else None
        for value, person in pairs.iter_rows()
    ]
    by_pair = pairs.with_columns(pl.Series("sealed", sealed, dtype=pl.String), there=True)
    rows = frame.select(value=name, person=topic.personal[name]).join(
        by_pair, on=["value", "person"], how="left", nulls_equal=True, maintain_order="left"
    )
    there = rows["there"].fill_null(value=False)
    column = rows.select(pl.when(there).then("sealed").otherwise("value").alias(name)).to_series()
    return column, (there & rows["sealed"].is_null()).arg_true().to_list()


def _unnamed(topic: Topic, name: str) -> InvalidEventError:
    return InvalidEventError(
        name,
        f"is personal, but {topic.personal[name]} does not name whose it is",
    )
