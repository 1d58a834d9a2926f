"""An analysis's results as rows, the same for every kind of file."""

from __future__ import annotations

from collections.abc import Sequence

from api.shapes.analyses import Result
from streams.virality.features.vocabulary import CATEGORIES

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

_NAMES = {str(number): name for name, number in CATEGORIES.items()}


def rows(results: Sequence[Result]) -> list[tuple[Cell, ...]]:
    """A row of cells for each result, in the order of `COLUMNS`.

    Numbers are whole or in full precision; times are RFC 3339 in UTC. What the documented tool
    shows as content, a video's first tag, is the name of its category here: no tags are kept.
    """
    return [
        (
            one.channel_title,
            one.subscribers,
            one.title,
            one.views,
            one.outlier_score,
            one.brand_fit,
            _NAMES.get(one.category or "", one.category or ""),
            one.url,
            one.published_at.isoformat().replace("+00:00", "Z"),
            one.channel_id,
            one.video_id,
        )
        for one in results
    ]
