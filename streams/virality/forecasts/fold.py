"""Snapshots of videos folded into what is known of channels, and into forecasts."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

import polars as pl

from schemas.avro_types import frame_schema
from schemas.catalogue import VIRALITY_CHANNELS, VIRALITY_FORECASTS
from schemas.topic import SEGMENT
from streams.columnar.fold import ROW, Folded
from streams.virality.forecasts import memory
from streams.virality.forecasts.moments import last_of_each, moments_at

_OF_THE_RUNTIME = ("applied_offset", "generation")


class Forecasts(Protocol):
    """What makes forecasts of moments."""

    def __call__(self, moments: pl.DataFrame) -> pl.DataFrame:
        """Rows of the topic, one for each moment, also where there is nothing to forecast.

        Args:
            moments: `ASKED`, at least one.
        """


class ForecastFold:
    """[`Fold`][streams.columnar.fold.Fold] of `youtube.video-snapshots.v1`, by channel_id.

    The state is a function of the log alone. The forecasts that are emitted depend on the model
    that serves, too: after a crash they may be made again by another, and say by which.

    Args:
        forecasts: makes them.
        days: after which data of the platform's API is gone; 0 is never.
    """

    state = pl.Schema(
        {
            name: dtype
            for name, dtype in frame_schema(VIRALITY_CHANNELS.schema).items()
            if name not in _OF_THE_RUNTIME
        }
    )
    columns = (
        "occurred_at",
        "video_id",
        "title",
        "published_at",
        "duration_s",
        "category",
        "views",
        "likes",
        "comments",
    )

    def __init__(self, forecasts: Forecasts, days: int) -> None:
        self._forecasts = forecasts
        self._days = days

    def __call__(self, rows: pl.DataFrame, events: pl.DataFrame) -> Folded:
        """Fold snapshots in; emits a row for the last snapshot of each video."""
        rows = rows.with_columns(pl.col("videos").fill_null([]))
        events = _expiring(events, self._days)
        moments = []
        for _, part in events.group_by("_before", maintain_order=True):
            rows, asked = self._folded(rows, part)
            moments.append(asked)
        asked = pl.concat(moments).unique("video_id", keep="last", maintain_order=True)
        return Folded(rows.select(self.state.names()), {VIRALITY_FORECASTS: self._forecasts(asked)})

    def render(self, rows: pl.DataFrame) -> pl.DataFrame:
        """State rows are what the output topic has."""
        return rows

    def _folded(
        self, rows: pl.DataFrame, events: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows after events among which nothing expires, and the moments to forecast."""
        channels = rows.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("_channel"))
        horizon = events.select(pl.col(ROW).cast(pl.UInt32).alias("_channel"), "_before").unique()
        known = memory.unexpired(memory.entries(channels), horizon)
        alive = known.select("_channel").unique()
        # What has forgotten everything begins anew, as a row does that expired in the topic.
        channels = channels.join(
            alive.with_columns(_alive=True), on="_channel", how="left", maintain_order="left"
        ).with_columns(as_of=pl.when(pl.col("_alive")).then(pl.col("as_of")))
        snapshots = _described(events, channels)
        new = memory.observations(snapshots)
        targets = last_of_each(snapshots)
        after = memory.remembered(known, new)
        asked = moments_at(targets, known, new, after)
        return self._rows(channels, snapshots, memory.newest(after)), asked

    def _rows(
        self, channels: pl.DataFrame, snapshots: pl.DataFrame, after: pl.DataFrame
    ) -> pl.DataFrame:
        stands = snapshots.group_by("_channel").agg(pl.col("as_of").max())
        return (
            channels.select("_channel", "channel_id", pl.col("as_of").alias("_stood"))
            .join(stands, on="_channel", how="left", maintain_order="left")
            .join(memory.packed(after), on="_channel", how="left", maintain_order="left")
            .select(
                "channel_id",
                pl.coalesce("as_of", "_stood").alias("as_of"),
                pl.col("videos").fill_null(pl.lit([], self.state["videos"])),
            )
        )


def _expiring(events: pl.DataFrame, days: int) -> pl.DataFrame:
    """The events with `_before`: what the log received earlier is gone when they are folded.

    [`last_expired`][schemas.expiries.last_expired], of the log's time: that never runs backwards
    for a channel.
    """
    if not days:
        return events.with_columns(pl.lit(None, pl.Datetime("us", "UTC")).alias("_before"))
    now = pl.col("_timestamp").cum_max().over(ROW)
    oldest = now - dt.timedelta(days=days) + 2 * SEGMENT
    return events.with_columns(
        pl.min_horizontal(
            oldest.dt.truncate("1d") + dt.timedelta(days=1), now.dt.truncate("1d")
        ).alias("_before")
    ).sort("_before", maintain_order=True)


def _described(events: pl.DataFrame, channels: pl.DataFrame) -> pl.DataFrame:
    """Snapshots in log order with `_channel` and as_of, the newest occurred_at of it so far."""
    stood = channels["as_of"].gather(events[ROW])
    return events.with_columns(
        pl.col(ROW).cast(pl.UInt32).alias("_channel"),
        pl.max_horizontal(stood.alias("_stood"), pl.col("occurred_at").cum_max().over(ROW)).alias(
            "as_of"
        ),
    )
