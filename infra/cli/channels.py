"""`groundswell channels`: channels of YouTube that are looked at."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.common import Json, load_settings, note, print_json, publisher, say, table
from infra.cli.failures import FAILURE, CommandError, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.settings import Settings
    from streams.outliers.watching.watched import Wanted
    from streams.outliers.youtube.client import YouTubeClient

app = typer.Typer(help="Channels of YouTube that are looked at now and then.", no_args_is_help=True)

_Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CHANNEL...", help="Id (UC...), handle (@...) or address of the page of each."
    ),
]
_File = Annotated[
    Path | None, typer.Option("--file", help="Also those in this file: one a line, # comments.")
]

_REQUESTED_BY = "cli"


@app.command("watch")
def watch(names: _Names = None, file: _File = None, json: Json = False) -> None:
    """Let the poller look at channels: their counts and their videos go into the log.

    Example: groundswell channels watch @YouTube UCBR8-60-B28hp2BmDPdntcQ
    """
    _change(_named(names, file), watched=True, json=json)


@app.command("unwatch")
def unwatch(names: _Names = None, file: _File = None, json: Json = False) -> None:
    """Let the poller look at channels no more; what was observed stays.

    Example: groundswell channels unwatch @YouTube
    """
    _change(_named(names, file), watched=False, json=json)


@app.command("list")
def list_(json: Json = False) -> None:
    """List the watched channels: last look, next look, videos followed, snapshots, units.

    Example: groundswell channels list
    """
    from streams.outliers.watching.listing import listing

    settings = load_settings()
    found = listing(settings)
    if json:
        print_json(found)
        return
    if not found["channels"]:
        say("no channel is watched; `groundswell channels watch @NAME` does it")
    table(
        [
            {
                "channel": one["channel_id"],
                "title": one["title"],
                "last look": _ago(one["last_look"]),
                "next look": one["state"] if one["state"] else _ago(one["next_look"]),
                "videos": one["videos_followed"],
                "snapshots": one["snapshots"],
                "units": round(one["units"], 1),
            }
            for one in found["channels"]
        ]
    )
    poller = found["poller"]
    if poller is None:
        note("the poller has never run here: `groundswell up` starts it")
    elif poller["reason"]:
        note(_waits(poller))


def _change(names: list[str], *, watched: bool, json: bool) -> None:
    """Watch channels, or no more; one that cannot be found fails the command, after the others."""
    from schemas.registry import Registry
    from streams.outliers.watching.watched import read_watched

    settings = load_settings()
    with closing(Registry(settings.registry_config())) as registry:
        before = read_watched(settings, registry)
    outcomes = asyncio.run(_outcomes(settings, names, before, watched=watched))
    _publish(settings, [one for one in outcomes if one["outcome"] in _CHANGES])
    if json:
        print_json(outcomes)
    else:
        for one in outcomes:
            tell = note if one["outcome"] == "failed" else say
            tell(one["says"])
    if any(one["outcome"] == "failed" for one in outcomes):
        raise typer.Exit(FAILURE)


_CHANGES = ("watched", "unwatched")


async def _outcomes(
    settings: Settings, names: list[str], before: Mapping[str, Wanted], *, watched: bool
) -> list[dict[str, Any]]:
    """What becomes of each name; nothing is published yet."""
    from streams.outliers.youtube.client import YouTubeClient
    from streams.outliers.youtube.errors import RefusedError, YouTubeError

    now = dict(before)
    outcomes: list[dict[str, Any]] = []
    async with YouTubeClient.from_settings(settings) as client:
        for at, name in enumerate(names):
            try:
                channel_id, title = await _resolved(client, name, now, watched=watched)
            except (CommandError, RefusedError) as error:
                outcomes.append(_failed(name, str(error)))
                continue
            except YouTubeError as error:
                # Of the next names neither would be found: no units, or no API.
                outcomes += [_failed(one, one_line(error)) for one in names[at:]]
                break
            outcome = {"name": name, "channel_id": channel_id, "title": title}
            if (channel_id in now) is watched:
                said = "is watched already" if watched else "is not watched"
                outcomes.append({**outcome, "outcome": "unchanged", "says": f"{title} {said}"})
                continue
            said = f"{title} ({channel_id}) is watched " + ("from now on" if watched else "no more")
            outcomes.append({**outcome, "outcome": _CHANGES[not watched], "says": said})
            if watched:
                from streams.outliers.watching.watched import Wanted

                now[channel_id] = Wanted(channel_id, title, dt.datetime.now(dt.UTC), _REQUESTED_BY)
            else:
                del now[channel_id]
    return outcomes


async def _resolved(
    client: YouTubeClient, name: str, known: Mapping[str, Wanted], *, watched: bool
) -> tuple[str, str]:
    """Id and title of a channel.

    Raises:
        CommandError: there is no such channel.
        YouTubeError: the Data API does not say.
    """
    if name in known:  # no unit for what is known: a channel may have gone meanwhile
        return name, known[name].title
    if not watched and name.startswith("UC"):
        return name, name
    channel = await client.channel_named(name)
    if channel is None:
        raise CommandError(f"YouTube has no channel {name}")
    return channel.channel_id, channel.title


def _failed(name: str, says: str) -> dict[str, Any]:
    says = says if name in says else f"{name}: {says}"
    return {"name": name, "channel_id": None, "title": None, "outcome": "failed", "says": says}


def _publish(settings: Settings, changes: list[dict[str, Any]]) -> None:
    from schemas.catalogue import WATCHED_CHANNELS
    from streams.outliers.watching.watched import watched_channel

    if not changes:
        return
    with publisher(settings, "groundswell/cli") as log:
        for one in changes:
            log.publish(
                WATCHED_CHANNELS,
                watched_channel(
                    one["channel_id"],
                    one["title"],
                    watched=one["outcome"] == "watched",
                    requested_by=_REQUESTED_BY,
                ),
            )
        log.flush()


def _named(names: list[str] | None, file: Path | None) -> list[str]:
    """Every name once, in order.

    Raises:
        BadParameter: there is none, or the file cannot be read.
    """
    found = [*(names or []), *(() if file is None else _lines(file))]
    if not found:
        raise typer.BadParameter("name at least one channel, or a --file with channels in it")
    return list(dict.fromkeys(found))


def _lines(file: Path) -> Iterator[str]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}", param_hint="--file") from None
    for line in text.splitlines():
        # An address may have a # in it; a comment has a space before.
        name = line.split(" #")[0].strip()
        if name and not name.startswith("#"):
            yield name


def _waits(poller: Mapping[str, Any]) -> str:
    """Why the poller does not look, and until when where that is known."""
    said = f"{poller['state']}: {poller['reason']}"
    at: dt.datetime | None = poller["goes_on_at"]
    if at is None:  # the broker is away: who knows
        return said
    return f"{said}; it goes on at {at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def _ago(at: dt.datetime | None) -> str:
    """A time as far from now."""
    if at is None:
        return "-"
    seconds = (dt.datetime.now(dt.UTC) - at).total_seconds()
    size = abs(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if size >= length:
            text = f"{size / length:.0f} {unit}"
            break
    else:
        text = f"{size:.0f} s"
    return f"{text} ago" if seconds >= 0 else f"in {text}"
