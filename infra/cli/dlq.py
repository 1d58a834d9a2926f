"""`groundswell dlq`: dead letters."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from infra.cli.common import Json, as_json, load_settings, print_json, say, table

app = typer.Typer(help="Dead letters: records that could not be used.", no_args_is_help=True)


@app.command("list")
def list_(json: Json = False) -> None:
    """Count the dead letters of each topic and say why they are there.

    Example: groundswell dlq list
    """
    from infra.dead_letters import summary

    found = summary(load_settings())
    if json:
        print_json(found)
    elif not found:
        say("there are no dead letters")
    else:
        table(
            [
                {
                    "topic": one["topic"],
                    "letters": one["letters"],
                    "newest": one["newest"],
                    "most frequent reason": next(iter(one["reasons"])),
                }
                for one in found
            ]
        )


@app.command("show")
def show(
    topic: Annotated[str, typer.Argument(help="The topic, or its dead-letter topic.")],
    limit: Annotated[int, typer.Option(min=1, help="How many letters, the oldest first.")] = 20,
    json: Json = False,
) -> None:
    """Show dead letters of a topic: where they come from, why, and what is in them.

    Example: groundswell dlq show engagement.events.v1 --limit 5
    """
    from infra.dead_letters import described, letters
    from schemas.catalogue import topic_named

    found = topic_named(topic.removesuffix(".dlq"))
    settings = load_settings()
    facts = described(settings, found, list(islice(letters(settings, found), limit)))
    if json:
        print_json(facts)
        return
    for fact in facts:
        say(f"{fact['record']}: {fact['reason']}")
        say(f"  found by {fact['component']} at {fact['at']}, key {fact['key']}")
        say(f"  event: {as_json(fact['event'])}" if "event" in fact else f"  bytes: {fact['hex']}")
    if not facts:
        say(f"{found.name} has no dead letters")
