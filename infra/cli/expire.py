"""`groundswell expire`: raw data of YouTube's API is to be gone."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from infra.cli.common import Json, instant, load_settings, print_json, publisher, say


def expire(
    before: Annotated[
        str | None,
        typer.Option(help="Whatever the log received before then (UTC); unset: as every day."),
    ] = None,
    json: Json = False,
) -> None:
    """Let the tables drop snapshots that were stored long enough; derived figures stay.

    The projector says the same by itself once a day, for YOUTUBE_DATA_DAYS. What counts is when
    the log received a snapshot; the log itself deletes by the retention of its topics.

    Example: groundswell expire --before 2026-05-01
    """
    from schemas.catalogue import EXPIRIES
    from schemas.expiries import data_expired, last_expired

    now = dt.datetime.now(dt.UTC)
    found = instant(before, "--before")
    if found is not None and found > now:
        raise typer.BadParameter(f"{found:%Y-%m-%dT%H:%M:%SZ} is not over", param_hint="--before")
    settings = load_settings()
    if found is None:
        if not settings.youtube_data_days:
            raise typer.BadParameter(
                "YOUTUBE_DATA_DAYS is 0, so nothing expires by itself: say which instant",
                param_hint="--before",
            )
        found = last_expired(now, settings.youtube_data_days)
    event = data_expired(found)
    with publisher(settings, "groundswell/expire") as out:
        out.publish(EXPIRIES, event)
        out.flush()
    if json:
        print_json({"before": event["before"], "event_id": event["event_id"]})
    else:
        say(f"snapshots stored before {event['before']:%Y-%m-%d %H:%M:%S} UTC leave the tables")
