"""An analysis's results as rows, the same for every kind of file."""

from __future__ import annotations

from collections.abc import Sequence

from api.shapes.analyses import Result

Cell = str | int | float

# The documented columns, in their order and with their names; two ids behind them.
COLUMNS = (
    "Channel Name",
    "Subscribers",
    "Video Title",
    "Views",
    "Outlier Score",
    "Brand Fit",
    "Game/Content",
    "URL",
    "Published Date",
    "Channel ID",
    "Video ID",
)


def rows(results: Sequence[Result]) -> list[tuple[Cell, ...]]:
    """A row of cells for each result, in the order of `COLUMNS`.

    Numbers are whole or in full precision; times are RFC 3339 in UTC.
    """
    return [
        (
            one.channel_title,
            one.subscribers,
            one.title,
            one.views,
            one.outlier_score,
            one.brand_fit,
            ", ".join(one.games),
            one.url,
            one.published_at.isoformat().replace("+00:00", "Z"),
            one.channel_id,
            one.video_id,
        )
        for one in results
    ]
