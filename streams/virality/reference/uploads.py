"""What uploads say of videos, by video: the newest word of each."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import structlog

from schemas.avro_types import TIMESTAMP
from schemas.catalogue import VIDEO_UPLOADS
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.registry import Registry
from streams.columnar.state.table import KeyedTable
from streams.virality.moments import MOMENT
from streams.virality.moments_of.text import described

_TOLD = (
    "title", "description_length", "links", "tags", "tag_count", "category", "language",
    "duration_s",
)  # fmt: skip
_FIRST_SAID_BY_THE_MOMENT = ("title", "category", "duration_s")
_SCHEMA = pl.Schema(
    {
        "video_id": pl.String(),
        "channel_id": pl.String(),
        "published_at": TIMESTAMP,
        "said_at": TIMESTAMP,
        **{name: MOMENT[name] for name in _TOLD},
    }
)
_NEVER = np.iinfo(np.int64).min

Integers = npt.NDArray[np.int64]

log = structlog.get_logger()


class Known(NamedTuple):
    """Which videos have an upload.

    Attributes:
        slots: a number for each video asked for, always the same; negative without an upload.
        published: microseconds since 1970, of those that have one; any number of the others.
    """

    slots: Integers
    published: Integers


class Uploads:
    """A table of uploads; safe between threads.

    Of several events of a video the newest by `occurred_at` counts, of equal ones the last that
    came. A tombstone takes a video away.
    """

    def __init__(self, registry: Registry | None = None) -> None:
        self._decoder = None if registry is None else FrameDecoder(registry, VIDEO_UPLOADS)
        self._table = KeyedTable(_SCHEMA, "video_id")
        self._published: Integers = np.empty(0, dtype=np.int64)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._table)

    def take(self, chunk: Chunk) -> None:
        """Take records of `video.uploads.v1` in; what cannot be decoded is left out."""
        assert self._decoder is not None
        decoded = self._decoder.decode(chunk)
        if decoded.rejects:
            log.warning("uploads left out", count=len(decoded.rejects))
        self.add(decoded.frame, dict(decoded.tombstones))

    def add(self, events: pl.DataFrame, tombstones: dict[int, str] | None = None) -> None:
        """Take events in.

        Args:
            events: VideoUploaded with `_offset`, in the order of the log.
            tombstones: videos that are gone, by offset.
        """
        gone = pl.DataFrame(
            {"video_id": list((tombstones or {}).values()), "_offset": list(tombstones or {})},
            schema={"video_id": pl.String(), "_offset": pl.Int64()},
        )
        said = events.with_columns(
            *described(events.columns),
            pl.col("occurred_at").alias("said_at"),
            pl.col("tags").list.len().cast(pl.Int64).alias("tag_count"),
        ).select("_offset", *(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items()))
        with self._lock:
            self._forget(gone)
            # A tombstone stands between what was said before it and after it.
            dead = gone.group_by("video_id").agg(pl.col("_offset").max().alias("_gone"))
            alive = said.join(dead, on="video_id", how="left", maintain_order="left").filter(
                pl.col("_gone").is_null() | (pl.col("_offset") > pl.col("_gone"))
            )
            self._put(alive.drop("_gone"))

    def _forget(self, gone: pl.DataFrame) -> None:
        keys = gone["video_id"].unique()
        if len(keys):
            nothing = pl.DataFrame({"video_id": keys}).with_columns(
                pl.lit(None, dtype).alias(name)
                for name, dtype in _SCHEMA.items()
                if name != "video_id"
            )
            self._write(nothing)

    def _put(self, said: pl.DataFrame) -> None:
        newest = said.sort("said_at", "_offset").unique("video_id", keep="last").drop("_offset")
        if newest.is_empty():
            return
        stood = self._table.take(newest["video_id"])["said_at"]
        self._write(newest.filter(stood.is_null() | (newest["said_at"] >= stood)))

    def _write(self, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        self._table.put(rows, changed=False)
        slots = self._table.slots(rows["video_id"])
        end = int(slots.max()) + 1
        if end > len(self._published):
            grown = np.full(max(end, 2 * len(self._published)), _NEVER, dtype=np.int64)
            grown[: len(self._published)] = self._published
            self._published = grown
        self._published[slots] = rows["published_at"].to_physical().fill_null(_NEVER).to_numpy()

    def known(self, videos: pl.Series) -> Known:
        """Which of the distinct videos have an upload."""
        with self._lock:
            slots = self._table.slots(videos).copy()
            there = slots >= 0
            published = np.zeros(len(slots), dtype=np.int64)
            published[there] = self._published[slots[there]]
        slots[there & (published == _NEVER)] = -1
        return Known(slots, published)

    def rows(self, videos: pl.Series) -> pl.DataFrame:
        """What is known of the distinct videos, in their order; null of those that are not."""
        with self._lock:
            return self._table.take(videos)

    def told(self, moments: pl.DataFrame) -> pl.DataFrame:
        """Moments of distinct videos with what uploads said of them by then.

        Where a moment has a word of its own on title, category or length, that stays.
        """
        if not len(self) or moments.is_empty():
            return moments
        rows = self.rows(moments["video_id"]).select(
            "said_at", *(pl.col(name).alias(f"_{name}") for name in _TOLD)
        )
        both = pl.concat([moments, rows], how="horizontal")
        by_then = pl.col("said_at") <= pl.col("at")
        upload = {name: pl.when(by_then).then(pl.col(f"_{name}")) for name in _TOLD}
        own = {name: pl.col(name) for name in _TOLD}
        own["title"] = pl.when(pl.col("title") != "").then(pl.col("title"))
        return (
            both.with_columns(
                **{
                    name: pl.coalesce(own[name], upload[name])
                    if name in _FIRST_SAID_BY_THE_MOMENT
                    else pl.coalesce(upload[name], own[name])
                    for name in _TOLD
                }
            )
            .with_columns(pl.col("title").fill_null(""))
            .select(moments.columns)
        )
