"""The small parts: spans, named statements, staging text, what cannot be stored."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from projections.catalogue import PROJECTIONS
from projections.projection import Projection
from projections.spans import Outcome, Span
from projections.staging import csv
from projections.storable import unstorable
from schemas.sql import Statements


@pytest.mark.parametrize(
    ("checkpoint", "outcome"),
    [
        (0, Outcome.AHEAD),
        (9, Outcome.AHEAD),
        (10, Outcome.APPLIED),
        (19, Outcome.APPLIED),
        (20, Outcome.REPEATED),
        (30, Outcome.REPEATED),
    ],
)
def test_a_span_is_told_apart_by_the_checkpoint(checkpoint: int, outcome: Outcome) -> None:
    assert Span("t", 0, 10, 20).against(checkpoint) is outcome


def test_statements_are_found_by_name(tmp_path: Path) -> None:
    file = tmp_path / "x.sql"
    file.write_text("-- about\n\n-- name: one\nSELECT 1;\n\n-- name: two\n-- why\nSELECT 2;\n")
    statements = Statements(file)
    assert statements["one"] == b"SELECT 1;"
    assert statements["two"] == b"-- why\nSELECT 2;"
    with pytest.raises(KeyError, match=r"x.sql has no statement 'three', only one, two"):
        statements["three"]


def test_two_statements_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.sql"
    file.write_text("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n")
    with pytest.raises(ValueError, match="two statements"):
        Statements(file)


@pytest.mark.parametrize("projection", PROJECTIONS.values(), ids=lambda one: one.name)
def test_every_projection_has_the_statements_that_it_names(projection: Projection) -> None:
    upserts = [name for source in projection.sources for name in source.upserts]
    for name in ("tables", "staging", *upserts):
        assert projection.statements[name]


def test_null_and_the_empty_string_stay_apart_on_their_way_to_postgresql() -> None:
    frame = pl.DataFrame({"a": ["", None, 'q"\n,\\'], "n": [1, None, 3], "f": [0.5, None, 1e300]})
    assert csv(frame) == b'"",1,0.5\n,,\n"q""\n,\\",3,1e+300\n'


def test_times_carry_their_offset_and_lists_are_array_literals() -> None:
    at = dt.datetime(2025, 3, 1, 12, tzinfo=dt.UTC)
    frame = pl.DataFrame(
        {"t": [at], "l": [['a"b', "c\\", "", "d,e"]], "n": [[1, 2]], "e": [[]], "z": [None]},
        schema={
            "t": pl.Datetime("us", "UTC"),
            "l": pl.List(pl.String),
            "n": pl.List(pl.Int64),
            "e": pl.List(pl.String),
            "z": pl.List(pl.String),
        },
    )
    assert csv(frame) == (
        b'"2025-03-01T12:00:00.000000+0000",'
        b'"{""a\\""b"",""c\\\\"","""",""d,e""}","{""1"",""2""}","{}",\n'
    )


def test_a_nul_in_any_string_is_found() -> None:
    frame = pl.DataFrame(
        {"a": ["x", "\0", None, "y"], "l": [["z\0"], [], None, ["w", None]], "n": [1, 2, 3, 4]}
    )
    assert [(row, "NUL" in reason) for row, reason in unstorable(frame)] == [(0, True), (1, True)]


def test_ids_that_no_index_takes_and_times_that_postgresql_cannot_read_are_found() -> None:
    edges = [-62135596800000000, 253402300799999999]  # years 1 and 9999
    frame = pl.DataFrame(
        {
            "video_id": ["x" * 2_000, "é" * 1_001, None, "y", "z", "z", "z"],
            "title": ["x" * 100_000] * 7,
            "at": [edges[0], edges[1], None, edges[0] - 1, edges[1] + 1, -(2**63), 2**63 - 1],
        }
    ).with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
    assert [(row, reason.split(": ")[1].split()[0]) for row, reason in unstorable(frame)] == [
        (1, "video_id"),
        *((row, "at") for row in (3, 4, 5, 6)),
    ]
