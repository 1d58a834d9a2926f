"""What is kept of snapshots, so that some of them can expire.

An expiry takes away what the log received before an instant, and the tables must then be what the
rest folds into. The newest observation by its own time may go while an older one, received later,
stays: so every observation keeps all that a row of the main table takes from its newest one.
"""

from __future__ import annotations

import polars as pl


def observed(events: pl.DataFrame, key: str) -> pl.DataFrame:
    """Each observation once: of equal instants the one received last.

    Args:
        events: snapshots with `occurred_at` and coordinates, in the order of the log.
        key: whose observations they are.

    Returns:
        The events by key and instant.
    """
    return events.sort(key, "occurred_at", "_timestamp", "_offset").unique(
        [key, "occurred_at"], keep="last", maintain_order=True
    )


def fold_expiries(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The latest instant before which everything received is to be gone."""
    return {"expiries": events.select(pl.col("before").max())}


# The statements that an expiry runs, in every .sql file of a projection that has snapshots.
EXPIRY_UPSERTS = ("expire", "delete_expired", "recount", "delete_unknown")
