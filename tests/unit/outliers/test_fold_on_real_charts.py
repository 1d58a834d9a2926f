"""Half a million real snapshots: any chunking finds what the independent computation finds."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from streams.outliers.fold import OutlierFold
from tests.acceptance import independent_outliers
from tests.unit.outliers.snapshots import COORDINATES, fold_in_chunks

DATA = Path(__file__).parents[4] / "shared" / "data"

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
        columns=["video_id", "channel_id", "title", "published_at"],
    )
    return (
        pl.read_parquet(DATA / "trending_snapshots.parquet")
        .join(videos, on="video_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("captured_at").dt.replace_time_zone("UTC").alias("occurred_at"),
            pl.lit(None, pl.Int32).alias("duration_s"),
        )
        .sort("occurred_at", maintain_order=True)
        .with_columns(
            pl.lit(0, COORDINATES["_partition"]).alias("_partition"),
            pl.int_range(pl.len(), dtype=pl.Int64).alias("_offset"),
            pl.col("occurred_at").alias("_timestamp"),
            pl.int_range(pl.len(), dtype=pl.Int64).alias("order"),
        )
    )


def test_every_detection_is_the_same_to_the_last_bit(charts: pl.DataFrame) -> None:
    fold = OutlierFold(multiple=3.0, z=3.0)
    together = fold_in_chunks(fold, charts)
    apart = fold_in_chunks(fold, charts, random.Random(7).sample(range(len(charts)), 20))
    assert_frame_equal(together[0], apart[0], check_exact=True)
    assert_frame_equal(together[1], apart[1], check_exact=True)
    assert together[0]["snapshots"].sum() == len(charts)
    other = independent_outliers.detections(charts, 3.0, 3.0)
    names = {
        "order": "source_offset",
        "n": "baseline_n",
        "median": "baseline_median_log10",
        "mad": "baseline_mad_log10",
    }
    exact = [name for name in other.columns if name != "tail_probability"]
    found = together[1].select(pl.col(names.get(name, name)).alias(name) for name in other.columns)
    assert len(other) > 0
    assert_frame_equal(found.select(exact), other.select(exact), check_exact=True)
    assert_frame_equal(
        found.select("tail_probability"), other.select("tail_probability"), rel_tol=1e-12, abs_tol=0
    )
