"""`groundswell status`: what runs, where, and how far behind it is."""

from __future__ import annotations

from infra.cli.common import Json, load_settings, print_json, say, table


def status(json: Json = False) -> None:
    """Show processes, topics, and the lag of projections and agents.

    Example: groundswell status --json
    """
    from infra.stack_status import gather

    facts = gather(load_settings())
    if json:
        print_json(facts)
        return
    for name in ("api", "kafka", "registry"):
        say(f"{name:<10}{facts[name]}")
    for name in ("processes", "topics", "projections", "agents"):
        if facts[name]:
            say()
            say(f"{name}:")
            # A pid is a name, not a quantity.
            table([{n: str(v) if n == "pid" else v for n, v in f.items()} for f in facts[name]])
    if facts["projections_unknown"]:
        say()
        say(f"projections: {facts['projections_unknown']}")
