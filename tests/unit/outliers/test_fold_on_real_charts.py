"""Real snapshots: any chunking gives the same, and what plain Python finds."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from streams.outliers.detection.verdicts import Rule
from streams.outliers.fold import OutlierFold
from tests.unit.outliers.recounted import recounted, same
from tests.unit.outliers.snapshots import COORDINATES, Outcome, fold_in_chunks

DATA = Path(__file__).parents[4] / "shared" / "data"
RECOUNTED = 10  # channels

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not (DATA / "trending_snapshots.parquet").exists(),
        reason="the real charts are not beside the repository (../shared/data)",
    ),
]


@pytest.fixture(scope="module")
def charts() -> pl.DataFrame:
    videos = pl.read_parquet(
        DATA / "trending_videos.parquet",
        columns=["video_id", "channel_id", "title", "published_at", "category_id"],
    )
    return (
        pl.read_parquet(DATA / "trending_snapshots.parquet")
        .join(videos, on="video_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("captured_at").dt.replace_time_zone("UTC").alias("occurred_at"),
            pl.lit(None, pl.Int32).alias("duration_s"),
            pl.col("category_id").cast(pl.String).alias("category"),
        )
        # A part of the channels keeps it cheap.
        .filter(pl.col("channel_id").hash(1) % 4 == 0)
        .sort("occurred_at", maintain_order=True)
        .with_columns(
            pl.lit(0, COORDINATES["_partition"]).alias("_partition"),
            pl.int_range(pl.len(), dtype=pl.Int64).alias("_offset"),
            pl.col("occurred_at").alias("_timestamp"),
        )
    )


@pytest.fixture(scope="module")
def outcome(charts: pl.DataFrame) -> Outcome:
    return fold_in_chunks(OutlierFold(Rule(3.0, 0.01)), charts, [60_000])


def test_every_chunking_gives_the_same(charts: pl.DataFrame, outcome: Outcome) -> None:
    cuts = random.Random(7).sample(range(len(charts)), 5)
    again = fold_in_chunks(OutlierFold(Rule(3.0, 0.01)), charts, cuts)
    for one, other in zip(outcome, again, strict=True):
        assert_frame_equal(one, other, check_exact=True)
    assert outcome.rows["snapshots"].sum() == len(charts)


def test_plain_python_finds_the_same(charts: pl.DataFrame, outcome: Outcome) -> None:
    # Those with most to tell, and some of the rest.
    told = outcome.detections["channel_id"].value_counts(sort=True)["channel_id"]
    moved = outcome.shifts["channel_id"].unique(maintain_order=True)
    rest = outcome.rows["channel_id"]
    chosen = pl.concat(
        [told.head(RECOUNTED), moved.head(RECOUNTED), rest.sample(RECOUNTED, seed=3)]
    )
    ours = pl.col("channel_id").is_in(chosen.unique().implode())
    found = Outcome(*(frame.filter(ours) for frame in outcome))
    assert len(found.detections) > RECOUNTED
    assert len(found.shifts) >= RECOUNTED
    same(found, recounted(charts.filter(ours)))
