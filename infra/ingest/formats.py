"""Which format a file has, and how each is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from infra.ingest import channels, chart, events, videos
from infra.ingest.errors import IngestError
from infra.ingest.rows import Batch
from infra.ingest.sources import columns_of, row_count
from schemas.catalogue import ENGAGEMENT
from schemas.topic import Topic

Format = Literal["chart", "channels", "videos", "events"]
FORMATS: tuple[Format, ...] = get_args(Format)

# In this order: the first whose columns are all there.
_SIGNS: tuple[tuple[Format, frozenset[str]], ...] = (
    ("events", frozenset({"event_id", "occurred_at"})),
    ("videos", frozenset({"video_id", "channel_id", "published_at"})),
    ("chart", frozenset({"video_id", "captured_at"})),
    ("channels", frozenset({"channel_id", "subscribers"})),
)


@dataclass(frozen=True, slots=True)
class Feed:
    """A file, or a file and its companion, as a stream of events.

    Attributes:
        batches: the events.
        rows: how many rows there are to read; None where that is not known beforehand.
    """

    batches: Iterator[Batch]
    rows: int | None


def detect(path: Path) -> Format:
    """The format that a file's columns speak of.

    Raises:
        IngestError: they speak of none.
    """
    columns = columns_of(path)
    for name, signs in _SIGNS:
        if signs <= set(columns):
            return name
    known = "; ".join(f"{name}: {', '.join(sorted(signs))}" for name, signs in _SIGNS)
    raise IngestError(
        f"{path}: no format has these columns: {', '.join(columns)}. A format is known by ({known})"
    )


def open_feed(
    path: Path,
    format: Format | None = None,
    *,
    videos_file: Path | None = None,
    topic: Topic | None = None,
) -> Feed:
    """A file's events.

    Args:
        format: what the file is; None: by its columns.
        videos_file: the chart's companion; None: the one beside it.
        topic: where a file of events goes; None: engagement.

    Raises:
        IngestError: the file cannot be used.
    """
    match format or detect(path):
        case "chart":
            companion = videos_file or chart.videos_beside(path)
            counts = (row_count(path), row_count(companion))
            known = None if None in counts else sum(count or 0 for count in counts)
            return Feed(chart.batches(path, companion), known)
        case "channels":
            return Feed(channels.batches(path), row_count(path))
        case "videos":
            return Feed(videos.batches(path), row_count(path))
        case "events":
            return Feed(events.batches(path, topic or ENGAGEMENT), row_count(path))
