"""`groundswell schemas`: the schemas and the registry."""

from __future__ import annotations

from contextlib import closing

import typer

from infra.cli.common import Json, load_settings, print_json, table
from infra.cli.failures import FAILURE

app = typer.Typer(help="The schemas and the registry.", no_args_is_help=True)


@app.callback()
def schemas() -> None:
    """The schemas and the registry."""


@app.command("check")
def check(json: Json = False) -> None:
    """Check that each schema can read all that was written with earlier versions.

    Exit code 1 where one cannot.

    Example: groundswell schemas check
    """
    from schemas.catalogue import TOPICS
    from schemas.registry import Registry

    registry = Registry(load_settings().registry_config())
    with closing(registry):
        facts = [
            {"subject": topic.subject, "compatible": registry.compatible(topic)}
            for topic in TOPICS.values()
        ]
    if json:
        print_json(facts)
    else:
        table(facts)
    if not all(fact["compatible"] for fact in facts):
        raise typer.Exit(FAILURE)
