"""`groundswell demo`: the whole pipeline on a simulated platform."""

from __future__ import annotations

import datetime as dt
import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.common import hold_rules, load_settings, print_json, say, table
from infra.cli.failures import FAILURE, CommandError

if TYPE_CHECKING:
    from infra.demo.feed import Outcome

_TEASER_MULTIPLE = 3.0  # times the usual views from which the demonstration makes teasers
_STARTS_WITHIN = 120.0  # seconds


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the summary; its last line is JSON.")
    ] = False,
    events: Annotated[int, typer.Option(min=1, help="Engagement events.")] = 60_000,
    videos: Annotated[int, typer.Option(min=1, help="Videos.")] = 300,
    channels: Annotated[int, typer.Option(min=1, help="Channels.")] = 30,
) -> None:
    """Start the stack, send a simulated platform through it, and show what came out.

    Everything is real but the platform: Kafka, the registry, PostgreSQL, Redis, the processes.
    Without --once it stays up until Ctrl-C. With it, the exit code is 0 only if every check holds.

    Example: groundswell demo --once
    """
    from infra.cli.foreground import make_supervisor
    from infra.demo.feed import feed
    from infra.simulator.scenario import Scenario

    settings = load_settings(resolved=False, process="supervisor")
    if settings.teaser_multiple is None:
        settings = settings.model_copy(update={"teaser_multiple": _TEASER_MULTIPLE})
    hold_rules(settings)

    # Ends a wait as Ctrl-C does, so that everything is stopped in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    supervisor = make_supervisor(settings)
    say("Starting servers and processes (the first start of a machine downloads the servers)")
    started = time.monotonic()
    try:
        resolved = supervisor.start()
        late = supervisor.await_running(_STARTS_WITHIN)
        if late:
            raise CommandError(
                f"{', '.join(late)}: not running after {_STARTS_WITHIN:g} s; "
                f"see the logs in {settings.home / 'logs'}"
            )
        say(f"  up after {time.monotonic() - started:.1f} s: {supervisor.api}")
        now = dt.datetime.now(dt.UTC)
        # Another seed each time: new videos on top of those of earlier runs.
        scenario = Scenario.ending(
            now, events=events, videos=videos, channels=channels, seed=int(now.timestamp())
        )
        say(f"Feeding {events:,} engagement events, {videos:,} videos of {channels:,} channels")
        outcome = feed(resolved, supervisor.api, scenario, say)
        _summary(outcome)
        if not once:
            say(f"\nGroundswell stays up at {supervisor.api}; Ctrl-C stops it.")
            sys.stdout.flush()
            supervisor.run_forever()
    finally:
        supervisor.stop()
    if once:
        print_json(outcome.as_json())
        if not outcome.good:
            raise typer.Exit(FAILURE)


def _summary(outcome: Outcome) -> None:
    say()
    table(
        [
            {"what": "events published", "count": outcome.published},
            {"what": "videos scored", "count": outcome.scored},
            {"what": "outliers found", "count": outcome.outliers},
            {"what": "videos rendered", "count": outcome.jobs_completed},
            {"what": "events/s, published to served", "count": round(outcome.events_per_second)},
        ]
    )
    say()
    failed = [name for name, good in outcome.checks.items() if not good]
    held = len(outcome.checks) - len(failed)
    say(f"{held} of {len(outcome.checks)} checks hold" + (f"; not: {failed}" if failed else ""))
    say(f"  dashboard   {outcome.api}/")
    say(f"  API docs    {outcome.api}/docs")
    say(f"  metrics     {outcome.api}/metrics")
