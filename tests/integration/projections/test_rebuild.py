"""A projection folded anew while it serves, and as it stood at an instant."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import numpy as np
import psycopg
import pytest

from projections.catalogue import PROJECTIONS
from projections.errors import BuildStoppedError
from projections.projection import Projection
from projections.rebuild import Surroundings, as_of, rebuild
from projections.rebuild.loading import Loader
from projections.staging import Staged
from projections.videos import VIDEOS
from projections.virality import VIRALITY
from schemas.catalogue import VIDEO_SNAPSHOTS, VIDEO_UPLOADS, VIRALITY_SCORES
from tests.integration.projections.conftest import Log, snapshot, until, upload
from tests.integration.projections.stories import story
from tests.integration.projections.tables import content, differences

CHILD = Path(__file__).with_name("rebuild_process.py")

ANY = pytest.mark.parametrize("original", PROJECTIONS.values(), ids=lambda one: one.name)


def around(log: Log) -> Surroundings:
    return Surroundings(log.settings.kafka_config(), log.settings.dsn, log.registry, log.scratch)


def tell(log: Log, original: Projection, seed: int, count: int) -> None:
    for source in original.sources:
        log.publish(source.topic, *story(source.topic, seed, count))


def live(log: Log) -> dict[str, list[dict[str, object]]]:
    return content(log.settings.dsn, "public")


@ANY
def test_what_is_folded_anew_equals_what_was_folded_live(log: Log, original: Projection) -> None:
    projection = log.projection(original)
    with log.projecting(projection):
        tell(log, original, 1, 150)
        log.await_applied(projection)
        before = live(log)
        done = rebuild(projection, around(log))
        assert differences(live(log), before) == []
        assert done.events == sum(log.checkpoints(projection).values())
        tell(log, original, 2, 50)  # the projector goes on with the new tables
        log.await_applied(projection)
    after = live(log)
    assert differences(after, before) != []
    now = as_of(projection, around(log), dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    assert differences(content(log.settings.dsn, now.schema), after) == []


def test_keys_that_are_gone_are_gone_from_tables_and_rebuilds(log: Log) -> None:
    virality = log.projection(VIRALITY)
    with log.projecting(virality):
        tell(log, VIRALITY, 1, 60)
        log.await_applied(virality)
        videos = {video for (video,) in log.rows("SELECT video_id FROM virality_scores")}
        gone, again = sorted(videos)[:2]
        log.forget(VIRALITY_SCORES, gone)
        log.forget(VIRALITY_SCORES, again)
        [event] = [one for one in story(VIRALITY_SCORES, 1, 60) if one["video_id"] == again][:1]
        log.publish(VIRALITY_SCORES, event)  # older than what it had, and all that there is now
        log.await_applied(virality)
        rows = log.rows("SELECT video_id FROM virality_scores")
        assert {video for (video,) in rows} == videos - {gone}
        query = "SELECT count(*) FROM virality_history WHERE video_id = '{}'"
        assert log.rows(query.format(gone)) == [(0,)]
        assert log.rows(query.format(again)) == [(1,)]
        before = live(log)
        rebuild(virality, around(log))
        assert differences(live(log), before) == []


@ANY
def test_the_tables_of_an_instant_hold_what_the_log_held_then(
    log: Log, original: Projection
) -> None:
    projection = log.projection(original)
    with log.projecting(projection):
        tell(log, original, 1, 60)
        log.await_applied(projection)
        before = live(log)
        time.sleep(0.01)  # the log's clock ticks in milliseconds
        moment = dt.datetime.now(dt.UTC)
        tell(log, original, 2, 60)
        log.await_applied(projection)
        after = live(log)
        then = as_of(projection, around(log), moment)
    assert differences(content(log.settings.dsn, then.schema), before) == []
    assert differences(live(log), after) == []
    again = as_of(projection, around(log), moment)
    assert again.schema == then.schema
    assert differences(content(log.settings.dsn, then.schema), before) == []


def test_a_record_that_cannot_be_used_stops_it_and_the_tables_stay(log: Log) -> None:
    videos = log.projection(VIDEOS)
    log.publish(VIDEO_UPLOADS, upload("v"))
    log.put(VIDEO_UPLOADS, b"no avro at all", partition=1)
    log.publish(VIDEO_UPLOADS, upload("w"))
    with log.projecting(videos):
        log.await_applied(videos)
    before, checkpoints = live(log), log.checkpoints(videos)
    topic = log.topic(VIDEO_UPLOADS).name
    [(letter, _, _)] = log.letters(VIDEO_UPLOADS)
    with pytest.raises(BuildStoppedError, match=f"stopped at {topic}/1/\\d+: ") as stopped:
        rebuild(videos, around(log))
    assert letter.decode() in str(stopped.value)
    assert (live(log), log.checkpoints(videos)) == (before, checkpoints)
    rebuild(videos, around(log), leave_out=True)
    assert differences(live(log), before) == []
    assert log.checkpoints(videos) == checkpoints


def test_what_is_no_dead_letter_yet_stops_it_all_the_same(log: Log) -> None:
    videos = log.projection(VIDEOS)
    log.put(VIDEO_UPLOADS, b"no avro at all", partition=1)
    with pytest.raises(BuildStoppedError, match="/1/0: "):
        rebuild(videos, around(log), leave_out=True)


def test_what_became_a_dead_letter_while_it_builds_is_left_out_too(log: Log) -> None:
    videos = log.projection(VIDEOS)
    log.publish(VIDEO_UPLOADS, upload("v"))
    with log.projecting(videos):
        log.await_applied(videos)
        bad = iter([b"no avro at all"])

        def progress(done: int, total: int) -> None:
            for value in bad:
                log.put(VIDEO_UPLOADS, value, partition=1)
                log.publish(VIDEO_UPLOADS, upload("w"))
                log.await_applied(videos)

        rebuild(videos, around(log), leave_out=True, progress=progress)
    assert next(bad, None) is None
    assert log.rows("SELECT video_id FROM videos ORDER BY video_id") == [("v",), ("w",)]


@pytest.mark.parametrize("original", [VIDEOS, VIRALITY], ids=lambda one: one.name)
def test_an_event_that_postgresql_refuses_is_named(
    log: Log, original: Projection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kind of tables is merged into, the other copied into."""
    monkeypatch.setattr("projections.storable._LONGEST_ID", 10**6)  # as if nobody knew of it
    projection = log.projection(original)
    source = original.sources[0]
    tell(log, original, 1, 100)
    bad = story(source.topic, 1, 1)[0] | {
        "video_id": "too long for an index " + np.random.default_rng(1).bytes(20_000).hex()
    }
    log.publish(source.topic, bad)
    tell(log, original, 2, 100)
    [where] = [
        f"{topic}/{partition}/{offset}"
        for topic, partition, offset in log.find(source.topic, bad["video_id"].encode())
    ]
    with pytest.raises(BuildStoppedError, match=f"stopped at {where}: PostgreSQL refuses"):
        rebuild(projection, around(log))


def test_tables_of_an_earlier_version_serve_until_the_new_ones_are_there(log: Log) -> None:
    videos = log.projection(VIDEOS)
    log.publish(VIDEO_SNAPSHOTS, *(snapshot(f"v{n}", n, 1) for n in range(50)))
    with log.projecting(videos):
        log.await_applied(videos)
    before = live(log)
    newer = dataclasses.replace(videos, version=videos.version + 1)
    log.put(VIDEO_UPLOADS, b"no avro at all")  # no dead letter: no older projector has seen it
    with log.projecting(newer):
        until(lambda: bool(log.rows("SELECT 1 FROM pg_namespace WHERE nspname LIKE '%rebuild'")))
        assert differences(live(log), before) == []
    with log.projecting(videos):  # the release that ran before makes it one
        log.await_applied(videos)
    with log.projecting(newer):
        until(lambda: log.rows("SELECT version FROM projections") == [(newer.version,)])
        log.publish(VIDEO_SNAPSHOTS, snapshot("another", 1, 1))
        log.await_applied(newer)
    assert log.rows("SELECT count(*) FROM videos") == [(51,)]


def test_readers_see_neither_an_error_nor_an_empty_or_older_table(log: Log) -> None:
    virality = log.projection(VIRALITY)
    with log.projecting(virality):
        tell(log, VIRALITY, 1, 300)
        log.await_applied(virality)
        with _reading(log) as seen:
            for seed in (2, 3, 4):
                tell(log, VIRALITY, seed, 100)
                rebuild(virality, around(log))
            log.await_applied(virality)
    assert len(seen) > 100
    assert seen[0] > 0
    assert seen == sorted(seen)  # offsets applied: never less than a reader has seen before
    assert log.rows("SELECT 1 FROM pg_namespace WHERE nspname LIKE '%rebuild%'") == []


@contextmanager
def _reading(log: Log) -> Iterator[list[int]]:
    """What a reader finds, again and again, with one prepared statement."""
    seen: list[int] = []
    stop = Event()
    errors: list[BaseException] = []

    def read() -> None:
        try:
            with psycopg.connect(log.settings.dsn, autocommit=True) as connection:
                while not stop.is_set():
                    query = "SELECT count(*), max(log_offset) FROM virality_scores"
                    row = connection.execute(query, prepare=True).fetchone()
                    assert row is not None
                    assert row[0] > 0
                    seen.append(row[1])
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
    assert errors == []


def test_two_rebuilds_at_once_are_refused_and_a_long_query_is_waited_for(log: Log) -> None:
    virality = log.projection(VIRALITY)
    with log.projecting(virality):
        tell(log, VIRALITY, 1, 100)
        log.await_applied(virality)
        before = live(log)
        with psycopg.connect(log.settings.dsn) as reader:
            reader.execute("SELECT * FROM virality_scores")  # holds the table until it ends
            first = Thread(target=rebuild, args=(virality, around(log)))
            first.start()
            built = "SELECT 1 FROM pg_tables WHERE tablename = 'build_buckets'"
            until(lambda: bool(log.rows(built)))
            with pytest.raises(BuildStoppedError, match="somebody else is building"):
                rebuild(virality, around(log))
            # Nobody waits behind the rebuild for longer than a moment meanwhile.
            tell(log, VIRALITY, 2, 50)
            log.await_applied(virality)
        first.join(120)
        assert not first.is_alive()
        assert log.rows(built) == []
        assert differences(live(log), before) != []


@pytest.mark.parametrize(
    "original",
    [pytest.param(VIRALITY, marks=pytest.mark.slow), VIDEOS],
    ids=lambda one: one.name,
)
@pytest.mark.parametrize("kills", [4, pytest.param(10, marks=pytest.mark.slow)])
def test_a_rebuild_that_is_killed_again_and_again_gets_done(
    log: Log, original: Projection, kills: int
) -> None:
    projection = log.projection(original)
    with log.projecting(projection):
        for seed in range(8):
            tell(log, original, seed, 1_500)
        log.await_applied(projection)
        before = live(log)
    rng = np.random.default_rng(5)
    for _ in range(kills):
        process = _rebuilding(log, original)
        until(lambda process=process: process.poll() is not None or _working(log))
        with suppress(subprocess.TimeoutExpired):
            process.wait(float(rng.uniform(0.0, 0.6)))
        process.kill()
        process.wait()
    assert _rebuilding(log, original).wait(120) == 0
    assert differences(live(log), before) == []
    with log.projecting(projection):
        tell(log, original, 99, 100)
        log.await_applied(projection)
    now = as_of(projection, around(log), dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    assert differences(live(log), content(log.settings.dsn, now.schema)) == []


def _working(log: Log) -> bool:
    """Whether somebody is at a build now."""
    return log.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") != [(0,)]


def _rebuilding(log: Log, original: Projection) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(CHILD), log.suffix, original.name, str(log.scratch)],
        env=log.environment(),
        cwd=Path.cwd(),
    )


def test_a_build_that_cut_its_buckets_otherwise_begins_anew(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a release with another hash, on another machine: a bucket's number says nothing."""
    virality = log.projection(VIRALITY)
    with log.projecting(virality):
        tell(log, VIRALITY, 1, 200)
        log.await_applied(virality)
    before = live(log)
    monkeypatch.setattr("projections.rebuild.build._BUCKET_EVENTS", 20)
    plain = Loader._copy

    def killed(loader: Loader, bucket: int, rows: list[Staged]) -> None:
        plain(loader, bucket, rows)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Loader, "_copy", killed)
        rebuild(virality, around(log))
    shutil.rmtree(log.scratch)
    monkeypatch.setattr("projections.rebuild.build._BUCKET_EVENTS", 70)
    rebuild(virality, around(log))
    assert differences(live(log), before) == []


def test_a_build_of_a_topic_that_was_made_anew_begins_anew(log: Log) -> None:
    """What a killed build took in is of a log that is no more."""
    virality = log.projection(VIRALITY)
    tell(log, VIRALITY, 1, 50)
    log.put(VIRALITY_SCORES, b"no avro at all")
    with pytest.raises(BuildStoppedError):
        rebuild(virality, around(log))
    log.make_anew(VIRALITY_SCORES)
    tell(log, VIRALITY, 2, 20)
    rebuild(virality, around(log))
    assert sum(log.checkpoints(virality).values()) == 20
