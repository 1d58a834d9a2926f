"""`groundswell down`: stop the stack."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.common import load_settings, say


def down(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing.")] = False,
) -> None:
    """Stop the stack of this home; its data is kept.

    Example: groundswell down
    """
    from infra.supervisor.daemon import stop_detached

    settings = load_settings(resolved=False)
    stopped = stop_detached(settings)
    if not quiet:
        say("stopped" if stopped else f"nothing runs in {settings.home}")
