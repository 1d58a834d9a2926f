"""The schedule against taking turns, on a small world with the same units."""

from __future__ import annotations

from benchmarks.watching import compared


def test_the_same_units_see_more_of_what_is_new() -> None:
    found = compared(seed=3, channels=25, days=1.0, per_day=150)
    ours, peers = found.pop("ours"), list(found.values())
    for peer in peers:
        assert ours["units"] <= peer["units"]
        assert ours["in_time"] > 3 * peer["in_time"]
        assert ours["hours"] < peer["hours"] / 3
        assert ours["captured"] > 1.2 * peer["captured"]
        assert ours["unseen"] < peer["unseen"] / 2
