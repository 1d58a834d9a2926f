"""What every projection keeps, whatever it folds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from projections.catalogue import PROJECTIONS
from projections.gone import alive
from projections.jobs import JOBS
from projections.projection import Projection, Source
from projections.spans import Outcome, Span
from projections.store import Store
from schemas.catalogue import GENERATION_EVENTS
from tests.integration.projections.stories import frames
from tests.integration.projections.tables import content, differences
from tests.unit.projections.frames import START, frame

PARTITIONS = 2
EVENTS = 60  # of each topic

ANY = pytest.mark.parametrize("projection", PROJECTIONS.values(), ids=lambda one: one.name)
SEEDS = given(seed=st.integers(0, 2**32 - 1))
# Each makes all tables anew: few a run, and others in each run; `make test-slow` draws many.
FEW = settings(
    max_examples=max(3, settings.default.max_examples // 8),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@contextmanager
def tables_of(database: str, projection: Projection, schema: str) -> Iterator[Store]:
    with closing(Store(database, projection, schema=schema)) as store:
        store.open()
        try:
            yield store
        finally:
            with psycopg.connect(database) as connection:
                name = sql.Identifier(schema)
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(name))


class Piece(NamedTuple):
    """A partition: its events, and which keys are gone from which offset on."""

    number: int
    events: pl.DataFrame
    tombstones: dict[int, str]
    height: int


def pieces(projection: Projection, seed: int) -> list[tuple[Source, Piece]]:
    """Every partition of every topic; where keys can go, some do."""
    found = []
    for source in projection.sources:
        for number, events in enumerate(frames(source.topic, seed, EVENTS, PARTITIONS)):
            every = 9 if source.deletes else events.height + 1
            place = pl.col("_offset") % every == every - 1
            keys = events.filter(place).select("_offset", source.topic.key).iter_rows()
            found.append((source, Piece(number, events.filter(~place), dict(keys), events.height)))
    return found


def apply(store: Store, source: Source, part: Piece, start: int, end: int) -> None:
    """Fold offsets `start` to `end` of a partition in."""
    span = Span(source.topic.name, part.number, start, end)
    gone = {at: key for at, key in part.tombstones.items() if start <= at < end}
    inside = part.events.filter(pl.col("_offset").is_between(start, end, closed="left"))
    inside = alive(inside, source.topic.key, gone)
    outcome = store.apply(source, span, inside, gone, high=part.height)
    assert outcome is Outcome.APPLIED


def whole(store: Store, projection: Projection, seed: int) -> None:
    for source, part in pieces(projection, seed):
        if part.height:
            apply(store, source, part, 0, part.height)


@ANY
@SEEDS
@FEW
def test_tables_do_not_depend_on_how_the_log_was_cut_or_which_topic_came_first(
    database: str, unique: Callable[[str], str], projection: Projection, seed: int
) -> None:
    at_once, piecewise = unique("a"), unique("b")
    rng = np.random.default_rng(seed)
    with tables_of(database, projection, at_once) as store:
        whole(store, projection, seed)
        expected = content(database, at_once)
    assert any(expected.values())
    steps = [
        (source, part, bounds)
        for source, part in pieces(projection, seed)
        for cuts in [sorted({0, part.height, *rng.integers(0, part.height + 1, 4).tolist()})]
        for bounds in [list(pairwise(cuts))]
    ]
    with tables_of(database, projection, piecewise) as store:
        while left := [step for step in steps if step[2]]:
            source, part, bounds = left[rng.integers(len(left))]
            apply(store, source, part, *bounds.pop(0))
        assert differences(content(database, piecewise), expected) == []


@ANY
@SEEDS
@FEW
def test_the_log_folded_a_second_time_changes_nothing(
    database: str, unique: Callable[[str], str], projection: Projection, seed: int
) -> None:
    """As after a checkpoint was put back: a database restored, a partition read again."""
    schema = unique("twice")
    with tables_of(database, projection, schema) as store:
        whole(store, projection, seed)
        expected = content(database, schema)
        with psycopg.connect(database) as connection:
            table = sql.Identifier(schema, "projection_checkpoints")
            connection.execute(sql.SQL("UPDATE {} SET next_offset = 0").format(table))
        store.open()
        for source, part in pieces(projection, seed):
            for at in range(0, part.height, 7):
                apply(store, source, part, at, min(at + 7, part.height))
        assert differences(content(database, schema), expected) == []


@ANY
@SEEDS
@FEW
def test_a_span_applied_twice_or_in_part_changes_nothing(
    database: str, unique: Callable[[str], str], projection: Projection, seed: int
) -> None:
    schema = unique("spans")
    with tables_of(database, projection, schema) as store:
        whole(store, projection, seed)
        expected = content(database, schema)
        for source, part in pieces(projection, seed):
            if part.height:
                span = Span(source.topic.name, part.number, part.height // 2, part.height)
                outcome = store.apply(source, span, part.events, high=part.height)
                assert outcome is Outcome.REPEATED
        assert differences(content(database, schema), expected) == []


def test_a_repeated_event_behind_a_newer_one_sets_nothing_back(database: str) -> None:
    """As after a relay that was killed: it sends the last few again; a chunk ends among them."""
    kinds = [("JobQueued", {}), *(("Progressed", {"percent": p, "attempt": p}) for p in (10, 20))]
    story = [
        {"_type": kind, "event_id": f"e{version}", "occurred_at": START, "job_id": "j"}
        | {"version": version, **fields}
        for version, (kind, fields) in enumerate([*kinds, ("Cancelled", {"reason": "r"})], 1)
    ]
    log = [*story, story[1], story[2], story[3]]
    events = frame(GENERATION_EVENTS, log)
    with tables_of(database, JOBS, "cut") as store:
        for start, end in pairwise([0, 3, 5, 7]):
            apply(store, JOBS.sources[0], Piece(0, events, {}, events.height), start, end)
        (job,) = content(database, "cut")["jobs"]
    found = {name: job[name] for name in ("version", "status", "percent", "attempts")}
    assert found == {"version": 4, "status": "cancelled", "percent": 20, "attempts": 20}
