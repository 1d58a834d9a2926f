"""Lag is what is in the log and not yet processed, and how long it can have been there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from schemas.chunks import Chunk
from streams.columnar import lag as module
from streams.columnar.lag import Lag

START = 1_780_000_000.0  # seconds since 1970


@dataclass
class Partition:
    """A partition of a log, its agent, and the clock on the wall."""

    position: int | None = 0
    fetched: int | None = None
    clock: float = START

    def process(self, lag: Lag, last_offset: int, logged_at: float) -> None:
        self.position = last_offset + 1
        millis = int(logged_at * 1000)
        lag.processed(Chunk("t", 0, [last_offset], [millis], [None], [b""], [()]))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Partition:
    partition = Partition()
    monkeypatch.setattr(module, "time", lambda: partition.clock)
    return partition


@pytest.fixture
def assigned(at: Partition) -> Callable[[int], Lag]:
    return lambda end: Lag(lambda: at.position, lambda: at.fetched, end)


def test_an_agent_at_the_end_has_no_lag(at: Partition, assigned: Callable[[int], Lag]) -> None:
    at.position = 7
    lag = assigned(7)
    at.clock += 60
    assert (lag.events(), lag.seconds()) == (0, 0.0)


def test_before_the_first_fetch_the_end_is_that_of_the_assignment(
    at: Partition, assigned: Callable[[int], Lag]
) -> None:
    lag = assigned(100)
    at.clock += 2
    assert (lag.events(), lag.seconds()) == (100, 2.0)


def test_the_end_is_the_farthest_that_was_heard_of(
    at: Partition, assigned: Callable[[int], Lag]
) -> None:
    lag = assigned(100)
    at.fetched = 150
    assert lag.events() == 150
    lag.look(end=170)  # asked for: a consumer that has stopped fetching hears of no end
    assert lag.events() == 170


def test_within_a_backlog_seconds_count_from_the_last_record_processed(
    at: Partition, assigned: Callable[[int], Lag]
) -> None:
    lag = assigned(1_000)
    at.process(lag, 499, START - 3_600)
    at.clock += 5
    assert (lag.events(), lag.seconds()) == (500, 3_605.0)


def test_a_record_after_a_long_silence_is_not_taken_for_an_old_one(
    at: Partition, assigned: Callable[[int], Lag]
) -> None:
    lag = assigned(10)
    at.process(lag, 9, START)
    at.clock += 7_200
    lag.look()  # still nothing
    at.fetched = 11
    at.clock += 0.5
    assert (lag.events(), lag.seconds()) == (1, 0.5)


def test_records_that_producers_dated_back_do_not_make_the_agent_late(
    at: Partition, assigned: Callable[[int], Lag]
) -> None:
    at.position = 10
    lag = assigned(10)
    lag.look()
    at.fetched = 30
    at.clock += 1
    at.process(lag, 19, START - 86_400 * 365)
    assert (lag.events(), lag.seconds()) == (10, 1.0)


def test_a_record_from_the_future_gives_no_negative_lag(
    at: Partition, assigned: Callable[[int], Lag]
) -> None:
    lag = assigned(10)
    at.process(lag, 4, START + 60)
    assert (lag.events(), lag.seconds()) == (5, 0.0)


def test_a_partition_that_was_lost_has_no_lag(
    at: Partition, assigned: Callable[[int], Lag]
) -> None:
    lag = assigned(10)
    at.position = None
    assert (lag.events(), lag.seconds()) == (0, 0.0)
