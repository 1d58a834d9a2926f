"""Providers: how each of them is, by the newest word of the workers.

Words are ordered by `occurred_at`, which is of one clock for all workers, then by the log.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from schemas.catalogue import PROVIDER_HEALTH
from schemas.sql import beside

_COLUMNS = (
    "provider",
    "status",
    "consecutive_failures",
    "avg_response_ms",
    "cost_per_request",
    "reason",
    "last_checked_at",
    "open_until",
)


def fold_health(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The newest word of each provider."""
    newest = events.sort("occurred_at", "_offset").unique("provider", keep="last")
    return {
        "health": newest.sort("provider").select(
            *_COLUMNS, told_at="occurred_at", log_offset="_offset"
        )
    }


PROVIDERS = Projection(
    name="providers",
    version=1,
    statements=beside(__file__),
    sources=(
        Source(
            PROVIDER_HEALTH,
            (*_COLUMNS, "occurred_at"),
            fold_health,
            ("upsert_health",),
            tables={"health": "provider_health"},
        ),
    ),
)
