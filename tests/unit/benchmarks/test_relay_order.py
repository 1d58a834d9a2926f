from __future__ import annotations

from benchmarks.relay import Commit, Relayed, commits, overtaken

COMMITTED = {
    ("a", 1): Commit(1.0, 1.1),
    ("b", 1): Commit(1.05, 1.2),
    ("c", 1): Commit(2.0, 2.1),
}


def relayed(*jobs: str, partition: int = 0) -> list[Relayed]:
    return [Relayed((job, 1), partition, 9.0) for job in jobs]


def test_commits_that_overlap_may_come_in_any_order() -> None:
    assert overtaken(relayed("a", "b", "c"), COMMITTED) == 0
    assert overtaken(relayed("b", "a", "c"), COMMITTED) == 0


def test_one_that_stands_before_an_earlier_commit_is_counted() -> None:
    assert overtaken(relayed("c", "a", "b"), COMMITTED) == 1
    assert overtaken(relayed("a", "c", "b"), COMMITTED) == 1


def test_partitions_have_no_order_among_them() -> None:
    assert overtaken([*relayed("c"), *relayed("a", partition=1)], COMMITTED) == 0


def test_what_a_load_has_written_down_is_read() -> None:
    assert commits(["a 1 1.0 1.1\n"]) == {("a", 1): Commit(1.0, 1.1)}
