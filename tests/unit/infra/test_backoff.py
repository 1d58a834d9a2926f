"""Waiting before a restart."""

from __future__ import annotations

from infra.supervisor.backoff import Backoff


def test_the_wait_doubles_up_to_its_limit() -> None:
    backoff = Backoff()
    assert [backoff.after(0) for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]


def test_a_healthy_life_starts_over() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(1)
    assert backoff.after(30) == 0.5
    assert backoff.after(29.9) == 1
