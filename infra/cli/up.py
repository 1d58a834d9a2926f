"""`groundswell up`: start the stack."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from infra.cli.common import Json, hold_rules, load_settings, print_json, say, show_once


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run in the background; return once it is up.")
    ] = False,
    json: Json = False,
) -> None:
    """Start the embedded servers and all processes.

    An address that is set in the environment is used instead of an embedded server.

    Example: groundswell up --detach
    """
    settings = load_settings(resolved=False, process="supervisor")
    hold_rules(settings)
    if detach:
        from infra.supervisor.daemon import start_detached

        stack, account = start_detached(settings)
        show_once(account)
        if json:
            print_json(stack)
        else:
            say(f"Groundswell is up at {stack['api']}")
            _tell_late(stack)
            say("`groundswell status` tells how it is, `groundswell down` stops it.")
        return
    from infra.cli.foreground import make_supervisor

    supervisor = make_supervisor(settings)
    with supervisor.signals():
        supervisor.start()
        supervisor.await_running(60.0)
        if json:
            print_json(supervisor.describe())
        else:
            say(f"Groundswell is up at {supervisor.api}; Ctrl-C stops it.")
        supervisor.run_forever()


def _tell_late(stack: dict[str, Any]) -> None:
    late = [process for process in stack["processes"] if process["state"] != "running"]
    for process in late:
        say(f"  {process['name']} is not running yet: {process['state']}")
