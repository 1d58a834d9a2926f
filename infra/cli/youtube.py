"""`groundswell youtube`: the local server that speaks YouTube's Data API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.common import load_settings, say

app = typer.Typer(help="A local server that speaks YouTube's Data API.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """A local server that speaks YouTube's Data API."""


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback; 0 is any.")] = 8090,
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Directory with recorded charts (docs/youtube-local.md). Without it: simulated.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated channels.")] = 1,
    quota: Annotated[int, typer.Option(min=0, help="Units a day and key.")] = 10_000,
) -> None:
    """Serve channels and videos on loopback until Ctrl-C.

    Example: groundswell youtube serve --port 8090
    """
    from infra.embedded.ports import next_free
    from infra.youtube_local.server import open_world
    from infra.youtube_local.server import serve as serve_world

    load_settings(resolved=False, process="youtube-local")
    world = open_world(data, seed=seed)
    chosen = next_free(port, tries=1)
    say(f"YOUTUBE_API_ENDPOINT=http://127.0.0.1:{chosen}")
    serve_world(world, chosen, quota)
