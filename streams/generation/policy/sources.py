"""What rules may look at: the fields of a source's events, and what the tables know of a video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import polars as pl

from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_DETECTIONS, VIRALITY_SCORES
from schemas.topic import Topic

Kind = Literal["number", "text", "truth"]

# Where a record is, who wrote it and which it belongs to say nothing of a video.
_BOOKKEEPING = frozenset(
    {"event_id", "source_partition", "source_offset", "applied_offset", "generation"}
    | {"retracts", "confirms"}
)
# An observation may not say it where the tables know it: it is always looked up.
_LOOKED_UP = frozenset({"category"})


@dataclass(frozen=True)
class Source:
    """A topic whose events can call for a video.

    Attributes:
        name: what rules call it.
        time: the field that says when an event was true.
        doubts: fields that, where they are true, make an event too uncertain to act on.
        only: what a field has to be for an event to call for anything, whatever a rule says.
    """

    name: str
    topic: Topic
    time: str
    doubts: tuple[str, ...] = ()
    only: tuple[tuple[str, str], ...] = ()

    @cached_property
    def fields(self) -> Mapping[str, Kind]:
        """Single values that conditions and prompts can use, by name."""
        found: dict[str, Kind] = {}
        for name, dtype in frame_schema(self.topic.schema).items():
            kind = _kind(dtype)
            if kind is not None and name not in _BOOKKEEPING | _LOOKED_UP:
                found[name] = kind
        return found

    @property
    def facts(self) -> Mapping[str, Kind]:
        """What is looked up of the video, as the event does not say it."""
        return {name: kind for name, kind in FACTS.items() if name not in self.fields}

    @property
    def columns(self) -> list[str]:
        """Fields to decode."""
        return [*self.fields, self.time]


# Columns of the projection `videos`, which may be a moment behind the log.
FACTS: Mapping[str, Kind] = {
    "title": "text",
    "category": "text",
    "language": "text",
    "duration_s": "number",
}

DETECTIONS = Source(
    "detections",
    OUTLIER_DETECTIONS,
    "occurred_at",
    ("too_recent", "insufficient_history"),
    only=(("verdict", "outlier"),),  # not a retraction, which takes one back
)
SCORES = Source("scores", VIRALITY_SCORES, "as_of")

SOURCES: Mapping[str, Source] = {source.name: source for source in (DETECTIONS, SCORES)}


def _kind(dtype: pl.DataType) -> Kind | None:
    if dtype.is_numeric():
        return "number"
    if dtype in (pl.String, pl.Categorical) or isinstance(dtype, pl.Enum):
        return "text"
    return "truth" if dtype == pl.Boolean else None
