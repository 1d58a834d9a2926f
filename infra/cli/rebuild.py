"""`groundswell rebuild`: a projection folded anew, while it serves or as of an instant."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from infra.cli.common import Json, instant, load_settings, note, print_json, progress, say


def rebuild(
    name: Annotated[str, typer.Argument(help="Name of the projection.")],
    as_of: Annotated[
        str | None,
        typer.Option(help="Make the tables of that instant (UTC) in a schema of their own."),
    ] = None,
    leave_out_dead_letters: Annotated[
        bool,
        typer.Option(help="Pass over records that are dead letters of this projection already."),
    ] = False,
    json: Json = False,
) -> None:
    """Fold a projection again from the beginning of the log, beside the tables that serve.

    Readers see the old tables until the new ones have caught up. A rebuild that was killed goes
    on from where it was; one that cannot use a record stops and says which.

    Example: groundswell rebuild virality
    """
    moment = instant(as_of, "--as-of")
    from projections import rebuild as module
    from projections.catalogue import PROJECTIONS
    from schemas.registry import Registry

    if name not in PROJECTIONS:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(PROJECTIONS)}")
    projection = PROJECTIONS[name]
    settings = load_settings()
    compacted = [source.topic.name for source in projection.sources if source.topic.compacted]
    if moment is not None and compacted:
        note(
            f"{', '.join(compacted)} is compacted: rows that newer ones have replaced since may be "
            "gone from the log, and are missing then"
        )
    registry = Registry(settings.registry_config())
    with closing(registry), progress(name) as show:
        around = module.Surroundings(
            settings.kafka_config(), settings.dsn, registry, settings.scratch
        )
        fold = module.rebuild if moment is None else partial(module.as_of, instant=moment)
        result = fold(projection, around, leave_out=leave_out_dead_letters, progress=show)
    if json:
        print_json(asdict(result))
    else:
        say(f"{name}: {result.events:,} events in {result.seconds:.1f} s")
        say(f"  the tables are in the schema {result.schema}")
