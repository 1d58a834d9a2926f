"""What the commands share: options, settings, output."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

if TYPE_CHECKING:
    from infra.settings import Settings
    from infra.supervisor.shown_once import FirstAccount
    from schemas.personal.opener import Opener
    from schemas.publisher import Publisher
    from schemas.topic import Topic

Json = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]


def say(text: str = "") -> None:
    """A line for the user on stdout."""
    typer.echo(text)


def note(text: str) -> None:
    """A line for the user on stderr, where it does not disturb a pipe."""
    typer.echo(text, err=True)


def show_once(account: FirstAccount | None) -> None:
    """Who was made at the first start, if it was that: on stderr, which is no file of ours."""
    for line in account.lines() if account is not None else ():
        note(line)


def print_json(facts: Any) -> None:
    """Facts as one line of JSON on stdout."""
    typer.echo(as_json(facts))


def as_json(facts: Any) -> str:
    """Facts as one line of JSON; times in RFC 3339."""

    def text(value: Any) -> str:
        return value.isoformat() if isinstance(value, dt.datetime) else str(value)

    return json.dumps(facts, default=text, ensure_ascii=False)


def load_settings(*, resolved: bool = True, process: str = "cli") -> Settings:
    """The settings; with every address unless `resolved` is false.

    Raises:
        NoStackError: an address is unset and no stack runs in this home.
    """
    from infra.logs import configure
    from infra.settings import Settings

    settings = Settings()
    # A command speaks for itself; the log is for processes, unless somebody asked for it.
    quiet = "log_level" not in settings.model_fields_set
    configure(
        settings.model_copy(update={"log_level": "WARNING"}) if quiet else settings,
        process=process,
    )
    return settings.resolved() if resolved else settings


def hold_rules(settings: Settings) -> None:
    """Refuse rules of the policy that its process would refuse, before anything is started.

    Raises:
        RulesError: they cannot be understood.
    """
    if settings.generation_rules is not None:
        from streams.generation.policy.rules_file import rules_of

        rules_of(settings)


@contextmanager
def publisher(settings: Settings, source: str) -> Iterator[Publisher]:
    """A publisher whose connections are closed afterwards."""
    from schemas.codec import Codec
    from schemas.personal.keys import PersonKeys
    from schemas.personal.sealer import Sealer
    from schemas.publisher import Publisher
    from schemas.registry import Registry

    registry = Registry(settings.registry_config())
    keys = PersonKeys(settings.dsn, settings.personal_data_secrets)
    with closing(registry), keys:
        yield Publisher(
            settings.kafka_config(), Codec(registry), source=source, sealer=Sealer(keys)
        )


@contextmanager
def opener(settings: Settings, topic: Topic) -> Iterator[Opener]:
    """Opens the sealed fields of a topic's frames; it connects with the first of them."""
    from schemas.personal.keys import PersonKeys
    from schemas.personal.opener import Opener

    with PersonKeys(settings.dsn, settings.personal_data_secrets) as keys:
        yield Opener(keys, topic)


def instant(text: str | None, option: str) -> dt.datetime | None:
    """A point in time as the user wrote it; UTC where no zone is given.

    Raises:
        typer.BadParameter: it is none.
    """
    if text is None:
        return None
    if text == "now":
        return dt.datetime.now(dt.UTC)
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; write it like 2026-05-01T12:00:00Z", param_hint=option
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


class Show(Protocol):
    """Shows how far something is."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """So much is done; of a total that may have become known, or changed."""


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Show]:
    """A progress bar on a terminal, nothing anywhere else; call it with what is done so far."""
    if not sys.stderr.isatty():
        yield lambda done, total=None: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, total=None: bar.update(task, completed=done, total=total)


@contextmanager
def telling(what: str) -> Iterator[Callable[[str], None]]:
    """What is being done at the moment, on a terminal; nothing anywhere else."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status(what) as status:
        yield lambda text: status.update(text)


def table(rows: list[dict[str, Any]], *, right: Collection[str] | None = None) -> None:
    """Rows as aligned columns.

    Args:
        right: columns whose cells stand to the right; unless given, those of numbers.
    """
    if not rows:
        return
    names = list(rows[0])
    cells = [[_shown(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(row[at]) for row in cells)) for at, name in enumerate(names)]
    if right is None:
        right = [name for name in names if isinstance(rows[0].get(name), int | float)]
    to_right = [name in right for name in names]
    header = zip(names, widths, to_right, strict=True)
    say("  ".join(_aligned(n, w, r) for n, w, r in header).rstrip())
    for row in cells:
        aligned = (_aligned(cell, w, r) for cell, w, r in zip(row, widths, to_right, strict=True))
        say("  ".join(aligned).rstrip())


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _aligned(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)
