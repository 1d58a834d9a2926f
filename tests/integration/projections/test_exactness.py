"""Rows and checkpoint stand or fall together: told at the store, chunk by chunk."""

from __future__ import annotations

import polars as pl
import psycopg
import pytest

from projections.errors import NewerVersionError, OlderVersionError, RefusedError
from projections.projection import Projection
from projections.spans import Outcome, Span
from projections.store import Store
from projections.videos import VIDEOS
from tests.unit.projections.frames import snapshots

SOURCE = VIDEOS.sources[1]
TOPIC = SOURCE.topic.name
EVENTS = snapshots([("a", 1, 10), ("b", 1, 5), ("a", 2, 20), ("a", 3, 30)])


@pytest.fixture
def store(database: str):
    store = Store(database, VIDEOS)
    store.open()
    yield store
    store.close()


def apply(store: Store, start: int, end: int, events: pl.DataFrame = EVENTS) -> Outcome:
    inside = (pl.col("_offset") >= start) & (pl.col("_offset") < end)
    return store.apply(SOURCE, Span(TOPIC, 0, start, end), events.filter(inside), high=end)


def tables(database: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT video_id, views, snapshots, (SELECT next_offset FROM projection_checkpoints)"
            " FROM videos ORDER BY video_id"
        ).fetchall()


def test_a_chunk_applied_twice_changes_nothing(store: Store, database: str) -> None:
    assert apply(store, 0, 4) is Outcome.APPLIED
    assert apply(store, 0, 4) is Outcome.REPEATED
    assert tables(database) == [("a", 30, 3, 4), ("b", 5, 1, 4)]


def test_of_a_chunk_that_is_partly_old_the_new_part_is_applied(store: Store, database: str) -> None:
    assert apply(store, 0, 2) is Outcome.APPLIED
    assert apply(store, 0, 4) is Outcome.APPLIED
    assert tables(database) == [("a", 30, 3, 4), ("b", 5, 1, 4)]


def test_a_chunk_beyond_the_checkpoint_is_not_applied(store: Store, database: str) -> None:
    assert apply(store, 0, 1) is Outcome.APPLIED
    assert apply(store, 2, 4) is Outcome.AHEAD
    assert tables(database) == [("a", 10, 1, 1)]


def test_a_hole_in_the_offsets_is_no_gap_in_what_was_read(store: Store, database: str) -> None:
    assert apply(store, 0, 7) is Outcome.APPLIED  # offsets 4 to 6 were compacted away
    assert apply(store, 7, 9) is Outcome.APPLIED  # and 7 and 8 too: nothing but an end
    assert tables(database) == [("a", 30, 3, 9), ("b", 5, 1, 9)]


def test_a_zombie_loses_and_writes_nothing(store: Store, database: str) -> None:
    zombie = Store(database, VIDEOS)
    zombie.open()
    assert zombie.position(TOPIC, 0) == 0
    assert apply(store, 0, 4) is Outcome.APPLIED
    assert apply(zombie, 0, 2) is Outcome.CONFLICT
    assert tables(database) == [("a", 30, 3, 4), ("b", 5, 1, 4)]
    assert zombie.position(TOPIC, 0) == 4
    zombie.close()


def test_refused_rows_leave_neither_rows_nor_a_checkpoint_behind(
    store: Store, database: str
) -> None:
    bad = EVENTS.with_columns(
        title=pl.when(pl.col("_offset") == 3).then(pl.lit("nul \0")).otherwise("title")
    )
    with pytest.raises(RefusedError, match="PostgreSQL refuses it"):
        apply(store, 0, 4, bad)
    assert tables(database) == []
    assert apply(store, 0, 4) is Outcome.APPLIED


def test_folding_again_from_zero_gives_the_same_tables(store: Store, database: str) -> None:
    apply(store, 0, 4)
    before = tables(database)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE projection_checkpoints SET next_offset = 0")
    assert store.position(TOPIC, 0) == 0
    for offset in range(4):
        assert apply(store, offset, offset + 1) is Outcome.APPLIED
    assert tables(database) == before


def _version(version: int) -> Projection:
    return Projection(VIDEOS.name, version, VIDEOS.statements, VIDEOS.sources)


def test_tables_of_an_earlier_version_are_left_as_they_are(store: Store, database: str) -> None:
    """They serve until new ones have been folded beside them."""
    apply(store, 0, 4)
    before = tables(database)
    newer = Store(database, _version(VIDEOS.version + 1))
    with pytest.raises(OlderVersionError, match=f"version {VIDEOS.version},"):
        newer.open()
    newer.close()
    assert tables(database) == before
    assert apply(store, 4, 5) is Outcome.APPLIED


def test_tables_of_a_later_version_are_not_touched(store: Store, database: str) -> None:
    apply(store, 0, 4)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE projections SET version = version + 1")
    with pytest.raises(NewerVersionError):
        store.position(TOPIC, 0)
    with pytest.raises(NewerVersionError):
        store.open()


def test_tables_can_live_in_a_schema_of_their_own(database: str) -> None:
    store = Store(database, VIDEOS, schema="as_of")
    store.open()
    assert apply(store, 0, 4) is Outcome.APPLIED
    store.close()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM as_of.videos").fetchone() == (2,)
        assert connection.execute("SELECT to_regclass('public.videos')").fetchone() == (None,)
