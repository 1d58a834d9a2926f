"""Snapshots of videos folded into what is usual per channel, and into what stands out."""

from __future__ import annotations

import polars as pl

from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_BASELINES, OUTLIER_DETECTIONS
from streams.columnar.fold import Folded
from streams.outliers import memory
from streams.outliers.ages import age_from_h
from streams.outliers.baselines import compare
from streams.outliers.detections import detections
from streams.outliers.formats import format_of

_OF_THE_RUNTIME = ("applied_offset", "generation")


class OutlierFold:
    """[`Fold`][streams.columnar.fold.Fold] of `youtube.video-snapshots.v1`, by channel_id.

    Per channel it keeps the newest occurred_at, the number of snapshots, the log views of the
    last videos per (format, age bucket), and which videos were judged in which bucket. It emits
    `outlier.detections.v1`. docs/outliers.md has the definition.

    Args:
        multiple: times the usual views from which a video is an outlier.
        z: robust standard deviations from which it is one.
    """

    state = pl.Schema(
        {
            name: dtype
            for name, dtype in frame_schema(OUTLIER_BASELINES.schema).items()
            if name not in _OF_THE_RUNTIME
        }
    )
    columns = ("occurred_at", "video_id", "title", "published_at", "duration_s", "views")

    def __init__(self, multiple: float, z: float) -> None:
        self._multiple = multiple
        self._z = z

    def __call__(self, rows: pl.DataFrame, events: pl.DataFrame) -> Folded:
        """Fold snapshots in; emits the detections that follow, possibly none."""
        before = self._channels(rows, events)
        snapshots = _described(events, before)
        after = snapshots.group_by("_channel").agg(
            pl.col("as_of").max(), pl.len().cast(pl.Int64).alias("_more")
        )
        known = memory.entries(before)
        counted = memory.counting(snapshots)
        judged, baselines = compare(memory.first_ones(counted, known), before)
        new = (
            before.select("_channel", "channel_id", "snapshots", "baselines")
            .join(after, on="_channel")
            .join(baselines, on="_channel", how="left", suffix="_new")
            .join(memory.remembered(known, counted, after), on="_channel", how="left")
            .with_columns(
                pl.col("snapshots") + pl.col("_more"),
                pl.coalesce("baselines_new", "baselines").alias("baselines"),
                _filled(pl.col("seen"), self.state["seen"]),
            )
        )
        return Folded(
            rows=new.select(self.state.names()),
            emitted={OUTLIER_DETECTIONS: detections(judged, self._multiple, self._z)},
        )

    def render(self, rows: pl.DataFrame) -> pl.DataFrame:
        """State rows are what the output topic has."""
        return rows

    def _channels(self, rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
        """State of every channel among the events, new ones empty; `_channel` numbers them."""
        return (
            events.select(pl.col("channel_id").unique())
            .with_row_index("_channel")
            .join(rows.select(self.state.names()), on="channel_id", how="left")
            .with_columns(
                pl.col("snapshots").fill_null(0),
                _filled(pl.col("baselines"), self.state["baselines"]),
                _filled(pl.col("seen"), self.state["seen"]),
            )
        )


def _described(events: pl.DataFrame, channels: pl.DataFrame) -> pl.DataFrame:
    """Snapshots in log order with `_channel`, format, age, age_from_h, x and the running as_of."""
    return events.join(
        channels.select("channel_id", "_channel", pl.col("as_of").alias("_as_of")),
        on="channel_id",
        how="left",
        maintain_order="left",
    ).with_columns(
        format_of(pl.col("duration_s")).alias("format"),
        (pl.col("occurred_at") - pl.col("published_at")).alias("age"),
        age_from_h(pl.col("occurred_at") - pl.col("published_at")).alias("age_from_h"),
        (pl.col("views").cast(pl.Float64) + 1).log10().alias("x"),
        pl.max_horizontal(pl.col("_as_of"), pl.col("occurred_at").cum_max().over("_channel")).alias(
            "as_of"
        ),
    )


def _filled(lists: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return lists.fill_null(pl.lit([], dtype))
