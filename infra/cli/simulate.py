"""`groundswell simulate`: events of a platform made up from a seed."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.common import (
    Json,
    instant,
    load_settings,
    print_json,
    progress,
    publisher,
    say,
)

if TYPE_CHECKING:
    from infra.simulator.scenario import Scenario


def simulate(
    events: Annotated[int, typer.Option(min=0, help="Engagement events, repeats included.")],
    videos: Annotated[int, typer.Option(min=1, help="Videos on the platform.")] = 300,
    channels: Annotated[int, typer.Option(min=1, help="Channels that publish them.")] = 30,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Events per second; unset: as fast as it goes.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another platform.")] = 1,
    start: Annotated[
        str | None,
        typer.Option(help="When the engagement begins (UTC), or `now`: events that end now."),
    ] = None,
    hours: Annotated[int, typer.Option(min=1, help="How long the engagement lasts.")] = 48,
    out: Annotated[
        Path | None, typer.Option(help="Write NDJSON to this file instead of publishing.")
    ] = None,
    json: Json = False,
) -> None:
    """Make up uploads, engagement and snapshots, and publish them.

    The same seed and options give the same events, unless --start is `now`.

    Example: groundswell simulate --events 100000 --seed 7 --start now
    """
    from infra.simulator.scenario import DEFAULT_START, Scenario

    first = instant(start, "--start") or DEFAULT_START
    if start == "now":
        first -= dt.timedelta(hours=hours)
    try:
        scenario = Scenario(events, videos, channels, seed, first, hours)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if out is None:
        _publish(scenario, rate, json)
    else:
        _write(scenario, out, json)


def _publish(scenario: Scenario, rate: float | None, json: bool) -> None:
    from infra.cli.ingest import print_report
    from infra.ingest.publishing import publish_batches
    from infra.simulator.stream import batches
    from infra.simulator.world import make_world

    settings = load_settings()
    world = make_world(scenario)
    with publisher(settings, "groundswell/simulator") as sink, progress("events", None) as show:
        report = publish_batches(
            batches(scenario, world, rate), sink, lambda good, bad: show(good + bad)
        )
    if json:
        print_json({**report.as_json(), "planted_outliers": world.planted.to_dicts()})
        return
    print_report(report)
    say(f"  planted outliers: {', '.join(world.planted['video_id']) or 'none'}")


def _write(scenario: Scenario, out: Path, json: bool) -> None:
    from infra.simulator.stream import write
    from infra.simulator.world import make_world

    started = time.monotonic()
    world = make_world(scenario)
    counts = write(scenario, world, out)
    if json:
        print_json(
            {
                "out": str(out),
                "written": sum(counts.values()),
                "by_topic": counts,
                "seconds": round(time.monotonic() - started, 3),
                "planted_outliers": world.planted.to_dicts(),
            }
        )
        return
    say(f"{sum(counts.values()):,} events are in {out}")
    for name, count in counts.items():
        say(f"  {name}: {count:,}")
