"""One at a time: whoever drives or drops the letters of a topic holds PostgreSQL's lock for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from streams.decisions.queries import queries

# A predecessor that was killed holds it until PostgreSQL hears of that.
_PATIENCE = "10s"

_SQL = queries(Path(__file__).with_suffix(".sql"))


class NotOursError(Exception):
    """Somebody else is at the letters; the message says of which topic."""


@contextmanager
def turn(dsn: str, topic: str) -> Iterator[Callable[[], None]]:
    """Hold the lock; what it gives is called before each step, to make sure that it is still held.

    Raises:
        NotOursError: another process has it, or, of a step, the connection and with it the lock
            was lost.
    """
    with psycopg.connect(dsn, autocommit=True, application_name="groundswell dlq") as connection:
        connection.execute(_SQL["patience"], {"patience": _PATIENCE})
        try:
            connection.execute(_SQL["take"], {"name": f"groundswell.dlq.{topic}"})
        except psycopg.errors.LockNotAvailable:
            raise NotOursError(
                f"another redrive or drop of {topic} runs; wait until it is done"
            ) from None

        def is_ours() -> None:
            try:
                connection.execute(_SQL["look"])
            except psycopg.OperationalError as error:
                raise NotOursError(
                    f"the connection to PostgreSQL was lost ({' '.join(str(error).split())}), and "
                    f"with it the right to work on the letters of {topic}; run it again: what is "
                    "done stays done"
                ) from None

        yield is_ours
