"""Sketches: the same bytes for the same set, and estimates within their error."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.columnar.hyperloglog import REGISTERS, STANDARD_ERROR, added, estimated, united
from streams.columnar.murmur import hashes

SWITCH = REGISTERS // 2  # registers in use from which on a sketch is dense


def empty(count: int) -> pl.Series:
    return pl.Series([None] * count, dtype=pl.Binary)


def names(numbers: np.ndarray) -> pl.Series:
    return pl.Series(numbers, dtype=pl.Int64).cast(pl.String)


def sketch_of(values: pl.Series) -> bytes:
    return added(empty(1), np.zeros(len(values), dtype=np.int64), values).fill_null(b"")[0]


def by_definition(values: list[str]) -> bytes:
    """The documented form, a value and a bit at a time."""
    registers: defaultdict[int, int] = defaultdict(int)
    for value in hashes(pl.Series(values, dtype=pl.String)).tolist():
        rank = 1
        while rank < 31 and not value >> (rank - 1) & 1:
            rank += 1
        registers[value >> 53] = max(registers[value >> 53], rank)
    if len(registers) >= SWITCH:
        return bytes(registers[index] for index in range(REGISTERS))
    codes = [index << 5 | rank for index, rank in sorted(registers.items())]
    return b"".join(code.to_bytes(2, "little") for code in codes)


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 5_000), max_size=5),
    st.sampled_from([10, 400, 6_000]),
    st.sampled_from([1, 3, 50]),
)
def test_any_order_chunks_and_repeats_give_the_same_bytes(
    seed: int, cuts: list[int], distinct: int, keys: int
) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, distinct, 5_000)
    row = numbers % keys
    edges = sorted({0, *cuts, len(numbers)})
    sketches = empty(keys)
    for start, end in itertools.pairwise(edges):
        sketches = added(sketches, row[start:end], names(numbers[start:end]))
    shuffled = rng.permutation(np.append(numbers, numbers[:500]))
    again = added(empty(keys), shuffled % keys, names(shuffled))
    assert again.to_list() == sketches.to_list()
    sets = [sorted(set(numbers[row == key].tolist())) for key in range(min(keys, 3))]
    expected = [by_definition(list(map(str, values))) or None for values in sets]
    assert sketches.to_list()[:3] == expected


def test_values_one_at_a_time_give_the_same_bytes() -> None:
    numbers = np.arange(2_500)
    sketches = empty(1)
    for start in numbers.tolist():
        sketches = added(sketches, np.zeros(1, dtype=np.int64), names(numbers[start : start + 1]))
        if start in (800, 2_499):
            assert sketches[0] == by_definition([str(n) for n in range(start + 1)])


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 5, 700, 4_000]), st.integers(0, 4_000))
def test_a_union_is_the_sketch_of_both_sets(seed: int, ours: int, theirs: int) -> None:
    rng = np.random.default_rng(seed)
    first, second, third = (rng.integers(0, 10_000, count) for count in (ours, theirs, 30))
    sketches = pl.Series([sketch_of(names(first)), None, b"", sketch_of(names(third))])
    others = pl.Series([sketch_of(names(second)), None, sketch_of(names(third))], dtype=pl.Binary)
    found = united(sketches, np.array([0, 3, 0]), others)
    every = np.concatenate((first, second, third))
    assert found.to_list() == [sketch_of(names(every)), None, b"", sketch_of(names(third))]


@pytest.mark.parametrize("distinct", [10, 100, 1_000, 3_000, 10_000, 100_000, 1_000_000])
def test_an_estimate_is_within_four_standard_errors(distinct: int) -> None:
    sketch = sketch_of(names(np.arange(distinct)))
    estimate = estimated(pl.Series([sketch]))[0]
    assert abs(estimate / distinct - 1) < 4 * STANDARD_ERROR


@pytest.mark.parametrize("distinct", [10**8, 10**10, 10**12])
def test_an_estimate_holds_where_many_ranks_are_the_highest(distinct: int) -> None:
    """Registers drawn from their distribution: P(rank <= k) = (1 - 2^-k)^(values a register)."""
    ranks = np.arange(1, 31)
    at_most = np.exp(distinct / REGISTERS * np.log1p(-(2.0**-ranks)))
    drawn = 1 + np.searchsorted(at_most, np.random.default_rng(5).random((200, REGISTERS)))
    sketches = pl.Series([row.astype(np.uint8).tobytes() for row in drawn], dtype=pl.Binary)
    errors = estimated(sketches) / distinct - 1
    assert abs(errors.mean()) < 4 * STANDARD_ERROR / len(errors) ** 0.5
    assert np.abs(errors).max() < 5 * STANDARD_ERROR


@pytest.mark.parametrize("distinct", [20, 300, 1_500, 5_000])
def test_estimates_are_right_on_average_and_as_far_off_as_documented(distinct: int) -> None:
    sketches = 400
    row = np.repeat(np.arange(sketches), distinct)
    errors = estimated(added(empty(sketches), row, names(np.arange(len(row))))) / distinct - 1
    assert abs(errors.mean()) < 4 * STANDARD_ERROR / sketches**0.5
    assert (errors**2).mean() ** 0.5 < 1.1 * STANDARD_ERROR


def test_few_values_are_counted_nearly_exactly() -> None:
    counts = np.arange(1, 31)
    row = np.repeat(np.arange(len(counts)), counts)
    found = estimated(added(empty(len(counts)), row, names(np.arange(len(row)))))
    assert np.abs(np.round(found) - counts).max() <= 1


def test_the_form_changes_at_half_of_the_registers_and_the_estimate_does_not_jump() -> None:
    sketches, estimates = empty(1), [0.0]
    forms = set()
    for start in range(0, 2_000, 10):
        sketches = added(
            sketches, np.zeros(10, dtype=np.int64), names(np.arange(start, start + 10))
        )
        size = len(sketches[0])
        forms.add(size == REGISTERS)
        used = REGISTERS - sketches[0].count(0) if size == REGISTERS else size // 2
        assert (used >= SWITCH) == (size == REGISTERS)
        estimates.append(estimated(sketches)[0])
    assert forms == {False, True}
    steps = np.diff(estimates)
    assert steps.min() >= 0
    assert steps.max() < 40


def test_nulls_and_nothing_are_nobody() -> None:
    values = pl.Series([None, "a", None], dtype=pl.String)
    found = added(empty(2), np.array([0, 0, 1]), values)
    assert found.to_list() == [by_definition(["a"]), None]
    assert added(found, np.array([], dtype=np.int64), values[:0]).to_list() == found.to_list()
    assert len(added(empty(0), np.array([], dtype=np.int64), values[:0])) == 0
    assert estimated(pl.Series([None, b""], dtype=pl.Binary)).tolist() == [0, 0]
    assert len(estimated(empty(0))) == 0


def test_the_empty_text_is_a_value_like_any_other() -> None:
    assert estimated(pl.Series([sketch_of(pl.Series(["", "", "a"]))]))[0] == pytest.approx(2, 0.01)


def test_so_many_sketches_that_rows_need_more_than_16_bits() -> None:
    count = (1 << 16) + 5
    row = np.arange(count)
    sketches = added(added(empty(count), row, names(row)), row, names(row + count))
    estimates = estimated(sketches)
    assert estimates.min() > 0.99
    assert estimates.max() == pytest.approx(2, 0.01)
    assert sketches[-1] == by_definition([str(count - 1), str(2 * count - 1)])


def test_sketches_that_are_stored_stay_what_they_are() -> None:
    """They are state in a topic: the same values must give these bytes for ever."""
    assert sketch_of(pl.Series(["ann", "bob", "cem", "ümit"])).hex() == "4315e12b01b521e0"
