"""A projection folded anew and changed over, or folded as it stood at an instant."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from projections.errors import BuildStoppedError
from projections.projection import Projection
from projections.rebuild.build import Build, Progress
from projections.rebuild.statements import STATEMENTS
from projections.rebuild.swap import Swap
from projections.store import connected
from schemas.registry import Registry

_CLOSE = 10_000  # offsets behind the log: what the change-over itself can fold
_ROUNDS = 20  # of catching up: then whatever is left is folded while writers wait

log = structlog.get_logger()


@dataclass(frozen=True)
class Rebuilt:
    """What was done.

    Attributes:
        events: offsets that were folded.
        seconds: how long it took.
        schema: where the tables are.
    """

    projection: str
    version: int
    events: int
    seconds: float
    schema: str


@dataclass(frozen=True)
class Surroundings:
    """Where a build finds everything.

    Attributes:
        kafka: connection settings (librdkafka's names).
        dsn: of PostgreSQL.
        scratch: a directory for events on their way; what a killed build left there is used.
    """

    kafka: Mapping[str, Any]
    dsn: str
    registry: Registry
    scratch: Path


def rebuild(
    projection: Projection,
    around: Surroundings,
    *,
    live: str = "public",
    leave_out: bool = False,
    progress: Progress = lambda done, total: None,
) -> Rebuilt:
    """Fold the projection from the beginning of the log beside its tables, then change over.

    The tables go on serving and being written meanwhile. If this fails or is killed they are as
    they were, and the next call goes on from where it was.

    Args:
        live: schema of the tables that serve.
        leave_out: whether records that are dead letters of the projection already are passed over.
        progress: called with offsets done and to be done.

    Raises:
        BuildStoppedError: a record cannot be used, or another rebuild of it is running.
    """
    started = time.monotonic()
    build_schema = f"{projection.name}_rebuild"
    with _building(projection, around, build_schema, None, leave_out, progress) as build:
        events = build.fold()
        for _ in range(_ROUNDS):
            late = build.follow()
            events += late
            if late <= _CLOSE:
                break
        Swap(around.dsn, projection, live=live, build=build_schema, catch_up=build.reach).run()
    seconds = time.monotonic() - started
    log.info("rebuilt", projection=projection.name, events=events, seconds=round(seconds, 1))
    return Rebuilt(projection.name, projection.version, events, seconds, live)


def as_of(
    projection: Projection,
    around: Surroundings,
    instant: dt.datetime,
    *,
    leave_out: bool = False,
    progress: Progress = lambda done, total: None,
) -> Rebuilt:
    """Fold what the log had received before an instant into a schema of its own, and leave it.

    Of a compacted topic only those rows come that compaction has kept.

    Args:
        instant: with a time zone.
        leave_out: as in `rebuild`.

    Raises:
        BuildStoppedError: as `rebuild`.
    """
    started = time.monotonic()
    moment = instant.astimezone(dt.UTC)
    schema = f"{projection.name}_as_of_{moment:%Y%m%dT%H%M%SZ}"
    with _building(projection, around, schema, moment, leave_out, progress) as build:
        events = build.fold()
    return Rebuilt(projection.name, projection.version, events, time.monotonic() - started, schema)


@contextmanager
def _building(
    projection: Projection,
    around: Surroundings,
    schema: str,
    until: dt.datetime | None,
    leave_out: bool,
    progress: Progress,
) -> Iterator[Build]:
    """A build that nobody else is at."""
    with connected(around.dsn, projection, schema) as connection:
        row = connection.execute(STATEMENTS["one_at_a_time"], {"schema": schema}).fetchone()
        if row != (True,):
            raise BuildStoppedError(f"somebody else is building {schema}: wait until it is done")
        build = Build(
            projection,
            kafka=around.kafka,
            dsn=around.dsn,
            registry=around.registry,
            schema=schema,
            scratch=around.scratch,
            until=until,
            leave_out=leave_out,
            progress=progress,
        )
        with closing(build):
            yield build
