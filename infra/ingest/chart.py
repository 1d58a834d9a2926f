"""Daily charts: a file of observations, and beside it a file that says what the videos are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from infra.ingest.columns import Column, require, typed
from infra.ingest.errors import IngestError
from infra.ingest.identity import event_ids
from infra.ingest.rows import LINE, BadRow, Batch
from infra.ingest.sources import BATCH, columns_of, read
from infra.ingest.videos import VIDEO, uploads
from schemas.catalogue import VIDEO_SNAPSHOTS, VIDEO_UPLOADS

SNAPSHOT = (
    Column("video_id", required=True),
    Column("occurred_at", "time", ("captured_at",), required=True),
    Column("views", "count"),
    Column("likes", "count"),
    Column("comments", "count"),
)

_OF_THE_VIDEO = ("channel_id", "title", "published_at", "duration_s", "category")


def videos_beside(path: Path) -> Path:
    """The videos file that belongs to a snapshots file by its name.

    Raises:
        IngestError: there is none.
    """
    beside = path.with_name(path.name.replace("snapshots", "videos"))
    if beside == path or not beside.exists():
        expected = "" if beside == path else f" ({beside.name} is not there)"
        raise IngestError(
            f"{path}: a chart needs the file of its videos beside it{expected}; name it with "
            "--videos"
        )
    return beside


def batches(path: Path, videos: Path) -> Iterator[Batch]:
    """Uploads in the order of publication, then snapshots in the order of capture.

    Raises:
        IngestError: a file cannot be used.
    """
    require(path, columns_of(path), SNAPSHOT, "chart")
    require(videos, columns_of(videos), VIDEO, "videos")
    known, bad = _whole(videos, VIDEO)
    yield from _sliced(uploads(known.sort("published_at", maintain_order=True)), videos, bad)
    # A video that stands there twice must not double its observations.
    lookup = known.select("video_id", *_OF_THE_VIDEO).unique("video_id", keep="last")
    observed, bad = _whole(path, SNAPSHOT)
    joined = observed.join(lookup, on="video_id", how="left", maintain_order="left")
    orphan = joined["channel_id"].is_null()
    bad += [
        BadRow(path.name, line, f"video {video_id} is not in {videos.name}")
        for line, video_id in joined.filter(orphan).select(LINE, "video_id").iter_rows()
    ]
    events = joined.filter(~orphan).sort("occurred_at", maintain_order=True)
    ids = event_ids("chart snapshot", events["video_id"], events["occurred_at"])
    yield from _sliced(events.with_columns(ids.alias("event_id")), path, bad)


def _whole(path: Path, wanted: tuple[Column, ...]) -> tuple[pl.DataFrame, list[BadRow]]:
    frames, bad = [], []
    for rows in read(path):
        frame, wrong = typed(rows.frame, wanted, path.name)
        frames.append(frame)
        bad += [*rows.bad, *wrong]
    return pl.concat(frames), bad


def _sliced(events: pl.DataFrame, path: Path, bad: list[BadRow]) -> Iterator[Batch]:
    topic = VIDEO_UPLOADS if "tags" in events.columns else VIDEO_SNAPSHOTS
    columns = [field["name"] for field in topic.schema["fields"]]
    bad.sort(key=lambda row: row.line)
    if bad:
        yield Batch(topic, path.name, [], bad=bad)
    for part in events.select(*columns, LINE).iter_slices(BATCH):
        yield Batch(topic, path.name, part)
