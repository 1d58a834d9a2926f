"""Keys that a compacted topic says are gone."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

Tombstones = Mapping[int, str]  # key by offset, of one partition


def alive(events: pl.DataFrame, key: str, tombstones: Tombstones) -> pl.DataFrame:
    """The events that no tombstone of their key follows.

    They would be folded and deleted at once; which of them an upsert had kept until then would
    depend on how the log was cut.

    Args:
        events: of one partition, with the key column and `_offset`.
    """
    if not tombstones or events.is_empty():
        return events
    last = pl.DataFrame(
        {key: list(tombstones.values()), "_gone": list(tombstones)},
        schema={key: pl.String(), "_gone": pl.Int64()},
    )
    last = last.group_by(key).agg(pl.col("_gone").max())
    marked = events.join(last, on=key, how="left", maintain_order="left")
    kept = pl.col("_gone").is_null() | (pl.col("_offset") > pl.col("_gone"))
    return marked.filter(kept).drop("_gone")
