"""`groundswell replay`: a topic as a table."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.common import (
    Json,
    instant,
    load_settings,
    note,
    opener,
    print_json,
    progress,
    say,
)


def replay(
    topic: Annotated[str, typer.Argument(help="Name of the topic.")],
    out: Annotated[
        Path, typer.Option(help="The file: .parquet, .csv, .ndjson, the last two also with .gz.")
    ],
    since: Annotated[
        str | None, typer.Option(help="From the first record received then (UTC).")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Up to the last record received before then (UTC).")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only records with this key.")] = None,
    partition: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Only this partition; give it again for more."),
    ] = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Open sealed personal fields where the key is there.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a topic, or a slice of it, to a file.

    Columns are the event's fields, then _partition, _offset and _timestamp (when the log received
    it). With --key only the partition of the key is read. Personal fields are sealed; with --reveal
    those of people who were forgotten are null.

    Example: groundswell replay engagement.events.v1 --since 2026-05-01 --out may.parquet
    """
    bounds = instant(since, "--since"), instant(until, "--until")
    from infra.replay.files import write
    from schemas.catalogue import topic_named

    found = topic_named(topic)
    settings = load_settings()
    with ExitStack() as stack:
        show = stack.enter_context(progress(found.name))
        opened = stack.enter_context(opener(settings, found)) if reveal else None
        result = write(
            settings,
            found,
            out,
            since=bounds[0],
            until=bounds[1],
            key=key,
            partitions=partition or None,
            reveal=opened,
            progress=lambda done, total: show(done),
        )
    if json:
        facts = {"forgotten": opened.forgotten, "tampered": opened.tampered} if opened else {}
        print_json({"out": str(out), **asdict(result), **facts})
        return
    say(f"{result.rows:,} events of {found.name} are in {out} ({result.seconds:.1f} s)")
    if opened and opened.forgotten:
        say(f"  {opened.forgotten:,} values are of people who were forgotten: they are null")
    if opened and opened.tampered:
        note(f"{opened.tampered:,} sealed values were changed after they were sealed: null")
    if result.tombstones:
        say(f"  {result.tombstones:,} tombstones were left out")
    if result.copies:
        say(f"  {result.copies:,} copies of refused records were left out; the records are there")
    if result.stranger is not None:
        note(
            f"key {result.stranger!r} is not in the partition where murmur2 puts it: producers "
            "differ, so records of your key may be elsewhere too; look there with --partition"
        )
    if result.rejected:
        note(f"{result.rejected:,} records could not be used; the first of them:")
        for reason in result.first_rejects:
            note(f"  {reason}")
