"""`groundswell ingest`: files into the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.common import (
    Json,
    load_settings,
    note,
    print_json,
    progress,
    publisher,
    say,
)
from infra.cli.failures import FAILURE

if TYPE_CHECKING:
    from infra.ingest.formats import Format
    from infra.ingest.publishing import Report


def ingest(
    path: Annotated[
        Path, typer.Argument(help="A .parquet, .csv or .ndjson file; text may be gzipped.")
    ],
    format: Annotated[
        str | None,
        typer.Option(help="chart, channels, videos or events; unset: by the file's columns."),
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(help="The videos of a chart; unset: the file beside it.")
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Where a file of events goes; unset: engagement.")
    ] = None,
    json: Json = False,
) -> None:
    """Publish real data. Bad rows are counted and reported, good rows are published.

    Exit code 1 where nothing could be published.

    Example: groundswell ingest trending_snapshots.parquet --format chart
    """
    from infra.ingest.errors import IngestError
    from infra.ingest.formats import open_feed
    from infra.ingest.publishing import publish_batches
    from schemas.catalogue import topic_named

    chosen = _format(format)
    feed = open_feed(path, chosen, videos_file=videos, topic=topic_named(topic) if topic else None)
    settings = load_settings()
    with publisher(settings, "groundswell/ingest") as out, progress(path.name, feed.rows) as show:
        report = publish_batches(feed.batches, out, lambda good, bad: show(good + bad))
    if json:
        print_json(report.as_json())
    else:
        print_report(report)
    if report.published == 0:
        if report.rejected == 0:
            raise IngestError(f"{path} has no rows")
        raise typer.Exit(FAILURE)


def print_report(report: Report) -> None:
    """A report for a person; bad rows on stderr."""
    rate = f"{report.seconds:.1f} s, {report.events_per_second:,.0f} events/s"
    say(f"{report.published:,} events published ({rate})")
    for name, count in report.by_topic.items():
        say(f"  {name}: {count:,}")
    if report.rejected:
        note(f"{report.rejected:,} rows were rejected; the first of them:")
        for bad in report.first_errors:
            note(f"  {bad}")


def _format(text: str | None) -> Format | None:
    from infra.ingest.formats import FORMATS

    for known in FORMATS:
        if text == known:
            return known
    if text is None:
        return None
    raise typer.BadParameter(f"{text!r} is none of {', '.join(FORMATS)}", param_hint="--format")
