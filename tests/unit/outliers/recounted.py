"""The independent computation beside the fold."""

from __future__ import annotations

from importlib import resources
from typing import Any

import polars as pl
import pytest

from tests.acceptance.independent_outliers import Curves, Recount
from tests.unit.outliers.snapshots import Outcome

SHIPPED = (resources.files("streams.outliers.model") / "default.json").read_text("utf-8")


def recounted(
    events: pl.DataFrame, multiple: float = 3.0, probability: float = 0.01, curves: str = SHIPPED
) -> Recount:
    """What plain Python makes of a frame of the fold's input."""
    ordered = events.with_columns(pl.col("_offset").alias("order"))
    return Recount(Curves(curves), multiple, probability).take(ordered.iter_rows(named=True))


def same(outcome: Outcome, wanted: Recount) -> None:
    """Fail unless the fold found what the other computation found.

    Raises:
        AssertionError: it did not.
    """
    ids = dict(outcome.detections.select("event_id", "source_offset").iter_rows())
    found = [
        {
            **row,
            "order": row["source_offset"],
            "retracts": ids.get(row["retracts"]),
            "confirms": ids.get(row["confirms"]),
        }
        for row in outcome.detections.iter_rows(named=True)
    ]
    assert len(found) == len(wanted.detections)
    for ours, other in zip(found, wanted.detections, strict=True):
        assert {name: ours[name] for name in other} == about(other)
    shifts = [{**row, "order": row["source_offset"]} for row in outcome.shifts.rows(named=True)]
    assert len(shifts) == len(wanted.shifts)
    for ours, other in zip(shifts, wanted.shifts, strict=True):
        assert {name: ours[name] for name in other} == about(other)
    for row in outcome.rows.iter_rows(named=True):
        channel = wanted.channels[row["channel_id"]]
        assert (row["as_of"], row["snapshots"]) == (channel.as_of, channel.snapshots)
        days = {one["day"].date(): one["tests"] for one in row["days"]}
        assert days.items() <= channel.tests.items()
        assert row["tests_gone"] + sum(days.values()) == sum(channel.tests.values())
        standing = {one["video_id"] for one in row["videos"] if one["standing"]}
        # What was forgotten stands nowhere.
        known = {one["video_id"] for one in row["videos"]}
        assert standing == {v for v in known if channel.videos[v].standing}


def about(facts: dict[str, Any]) -> dict[str, Any]:
    """Figures to twelve places: NumPy and Python round powers and tails in their own ways."""
    return {
        name: pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value
        for name, value in facts.items()
    }
