"""The verdict on a judged snapshot, and the event that says so."""

from __future__ import annotations

import uuid

import polars as pl

from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_DETECTIONS
from streams.outliers.ages import LOWER_ENDS_H
from streams.outliers.student import upper_tail

SIGMA_PER_MAD = 1.4826  # of a normal distribution: 1 / its third quartile
# Of log10 views. A channel whose videos hardly differ would make an outlier of every ripple.
LEAST_SIGMA = 0.1
FEWEST = 2  # earlier videos below which nothing can be said
ENOUGH = 5  # earlier videos from which the z counts too

SCHEMA = frame_schema(OUTLIER_DETECTIONS.schema)

_NAMESPACE = uuid.UUID("0c4f8a52-8f0e-5d7c-9c55-0d9a4a4f4f1e")


def detections(judged: pl.DataFrame, multiple: float, z: float) -> pl.DataFrame:
    """The judged snapshots that stand out, as OutlierDetected events.

    Args:
        judged: what [`compare`][streams.outliers.baselines.compare] gave, with the fields of the
            snapshot, `age` (Duration), `x`, `_partition` and `_offset`.
        multiple: least (views + 1) / (expected views + 1).
        z: least robust z where there are at least `ENOUGH` earlier videos.

    Returns:
        Columns of the topic's schema, in the order of the log. `event_id` follows from the video,
        the bucket and the coordinates: the same detection made again is the same event.
    """
    n = pl.col("baseline_n")
    found = (
        judged.filter(n >= FEWEST)
        .with_columns(
            ((pl.lit(10.0) ** pl.col("baseline_median_log10")) - 1).alias("expected_views"),
            (
                (pl.col("x") - pl.col("baseline_median_log10"))
                / pl.max_horizontal(SIGMA_PER_MAD * pl.col("baseline_mad_log10"), LEAST_SIGMA)
            ).alias("z"),
        )
        .with_columns(
            ((pl.col("views") + 1) / (pl.col("expected_views") + 1)).alias("multiple"),
        )
        .filter(pl.col("multiple") >= multiple, (n < ENOUGH) | (pl.col("z") >= z))
        .sort("_partition", "_offset")
    )
    tails = [
        upper_tail(score, count - 1) for score, count in found.select("z", "baseline_n").iter_rows()
    ]
    return found.with_columns(
        event_ids(found),
        (pl.col("age").dt.total_microseconds() // 1_000_000).alias("age_s"),
        pl.Series("tail_probability", tails, dtype=pl.Float64),
        (pl.col("age_from_h") == LOWER_ENDS_H[0]).alias("too_recent"),
        (n < ENOUGH).alias("insufficient_history"),
        pl.col("_partition").alias("source_partition"),
        pl.col("_offset").alias("source_offset"),
    ).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def event_ids(found: pl.DataFrame) -> pl.Series:
    """Name-based UUIDs (RFC 9562, version 5) of what makes a detection this one."""
    names = found.select("_partition", "_offset", "age_from_h", "video_id").iter_rows()
    return pl.Series(
        "event_id",
        [str(uuid.uuid5(_NAMESPACE, "/".join(map(str, name)))) for name in names],
        dtype=pl.String,
    )
