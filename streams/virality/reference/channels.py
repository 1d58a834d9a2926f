"""What is known of channels' videos, by channel: what their histories are made of."""

from __future__ import annotations

import threading

import polars as pl
import structlog

from schemas.catalogue import VIRALITY_CHANNELS
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.registry import Registry
from streams.columnar.state.quiet import Parking
from streams.columnar.state.table import KeyedTable
from streams.virality.moments import EARLIER_VIDEO, MOMENT

_SCHEMA = pl.Schema(
    {"channel_id": pl.String(), "applied_offset": pl.Int64(), "history": pl.List(EARLIER_VIDEO)}
)
_PARKED_AT_ONCE = 1 << 18  # rows

log = structlog.get_logger()


class Channels:
    """A table of channels, as the forecast agent last wrote them; safe between threads.

    Args:
        parking: when channels that nobody writes leave the memory; None is never.
    """

    def __init__(self, registry: Registry | None = None, parking: Parking | None = None) -> None:
        columns = ("channel_id", "videos", "applied_offset")
        self._decoder = (
            None if registry is None else FrameDecoder(registry, VIRALITY_CHANNELS, columns)
        )
        self._table = KeyedTable(_SCHEMA, "channel_id", parking)
        self._lock = threading.Lock()

    def take(self, chunk: Chunk) -> None:
        """Take records of `virality.channels.v1` in; what cannot be decoded is left out."""
        assert self._decoder is not None
        decoded = self._decoder.decode(chunk)
        if decoded.rejects:
            log.warning("channels left out", count=len(decoded.rejects))
        self.add(decoded.frame)

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows in: of each channel the one with the highest `applied_offset` counts.

        Args:
            rows: `channel_id`, `videos`, `applied_offset`, `_timestamp`, in the order of the log.
        """
        newest = rows.sort("applied_offset", maintain_order=True).unique(
            "channel_id", keep="last", maintain_order=True
        )
        if newest.is_empty():
            return
        kept = newest.with_columns(_histories().alias("history"))
        with self._lock:
            stood = self._table.take(kept["channel_id"])["applied_offset"].fill_null(-1)
            kept = kept.filter(kept["applied_offset"] >= stood)
            times = kept["_timestamp"].to_physical().to_numpy() // 1000
            self._table.put(kept.select(_SCHEMA.names()), changed=False, at=times)
            self._table.park(_PARKED_AT_ONCE)

    def told(self, moments: pl.DataFrame) -> pl.DataFrame:
        """Moments with the histories of their channels, as far as they were observed by then."""
        keys = moments["channel_id"].drop_nulls().unique()
        if keys.is_empty():
            return moments
        with self._lock:
            found = self._table.take(keys)
        known = found.filter(pl.col("history").list.len() > 0)
        earlier = (
            moments.select(
                pl.int_range(pl.len()).alias("_moment"),
                "channel_id",
                "at",
                pl.col("video_id").alias("_video"),
                pl.col("published_at").alias("_published"),
            )
            .join(known.select("channel_id", "history"), on="channel_id")
            .explode("history")
            .unnest("history")
            .filter(
                pl.col("published_at") < pl.col("_published"),
                pl.col("video_id") != pl.col("_video"),
                pl.col("observed_at") <= pl.col("at"),
            )
            .sort("_moment", "published_at", "video_id")
            .group_by("_moment", maintain_order=True)
            .agg(pl.struct(field.name for field in EARLIER_VIDEO.fields).alias("_history"))
        )
        return (
            moments.with_columns(pl.int_range(pl.len()).alias("_moment"))
            .join(earlier, on="_moment", how="left", maintain_order="left")
            .with_columns(pl.col("_history").fill_null(pl.lit([], MOMENT["history"])))
            .with_columns(pl.col("_history").alias("history"))
            .select(moments.columns)
        )


def _histories() -> pl.Expr:
    """Of each video what a history says of it, out of `videos`."""
    video = pl.element().struct.field
    last = video("observed").list.last().struct.field
    first = video("observed").list.first().struct.field
    return pl.col("videos").list.eval(
        pl.struct(
            video("video_id"),
            video("published_at"),
            video("category"),
            video("duration_s"),
            last("views").alias("views"),
            last("at").alias("observed_at"),
            first("views").alias("first_views"),
            first("at").alias("first_observed_at"),
        )
    )
