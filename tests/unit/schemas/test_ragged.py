"""Pieces laid side by side give each row's bytes, whatever their kinds and lengths."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.ragged import WIDEST, Constant, Padded, Piece, lay, ragged

ROWS = 5


def padded(rows: list[bytes]) -> Padded:
    width = max(1, *map(len, rows))
    items = np.frombuffer(b"".join(row.ljust(width, b"!") for row in rows), dtype=f"V{width}")
    return Padded(items, np.array([len(row) for row in rows], dtype=np.uint8))


def run_together(rows: list[bytes]) -> Piece:
    data = np.frombuffer(b"".join(rows), dtype=np.uint8)
    return ragged(data, np.array([len(row) for row in rows], dtype=np.uint32))


def five(content: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[bytes]]:
    return st.lists(content, min_size=ROWS, max_size=ROWS)


# Each with the rows that it stands for.
pieces = st.one_of(
    st.binary(max_size=9).map(lambda value: (Constant(value), [value] * ROWS)),
    five(st.binary(min_size=3, max_size=3)).map(
        lambda rows: (Padded(np.frombuffer(b"".join(rows), dtype="V3")), rows)
    ),
    five(st.binary(max_size=10)).map(lambda rows: (padded(rows), rows)),
    five(st.binary(max_size=WIDEST)).map(lambda rows: (run_together(rows), rows)),
    five(st.binary(max_size=9 * WIDEST)).map(lambda rows: (run_together(rows), rows)),
)
several = st.lists(pieces, max_size=8)


@given(several)
def test_laid_rows_are_the_pieces_of_each_row(some: list[tuple[Piece, list[bytes]]]) -> None:
    expected = [b"".join(rows[at] for _, rows in some) for at in range(ROWS)]
    laid = lay([piece for piece, _ in some], ROWS)
    assert laid.to_list() == expected
    packed = laid.packed()
    assert packed.data.tobytes() == b"".join(expected)
    assert packed.to_list() == expected


@given(pieces, st.slices(ROWS))
def test_some_of_the_rows_of_a_piece(one: tuple[Piece, list[bytes]], rows: slice) -> None:
    piece, expected = one
    count = len(expected[rows])
    assert lay([piece.part(rows)], count).to_list() == expected[rows]


@given(pieces, st.permutations([True] * ROWS + [False] * 3))
def test_a_piece_spread_over_more_rows_is_empty_in_the_others(
    one: tuple[Piece, list[bytes]], there: list[bool]
) -> None:
    piece, rows = one
    left = iter(rows)
    expected = [b"<" + next(left) + b">" if here else b"<>" for here in there]
    spread = piece.spread(np.array(there))
    assert lay([Constant(b"<"), spread, Constant(b">")], len(there)).to_list() == expected
