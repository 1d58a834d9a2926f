"""`groundswell dlq`: dead letters."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.common import Json, as_json, load_settings, note, print_json, progress, say, table

if TYPE_CHECKING:
    from infra.dead_letters.work import Worked

app = typer.Typer(help="Dead letters: records that could not be used.", no_args_is_help=True)

_Topic = Annotated[str, typer.Argument(help="The topic, or its dead-letter topic.")]
_All = Annotated[bool, typer.Option("--all", help="Also letters that were redriven or dropped.")]
_Reason = Annotated[str, typer.Option(help="Only letters whose reason contains this text.")]
_Limit = Annotated[
    int | None, typer.Option(min=1, help="At most so many letters, the oldest first.")
]


@app.command("list")
def list_(everything: _All = False, json: Json = False) -> None:
    """Count the open dead letters of each topic and say why they are there.

    Example: groundswell dlq list
    """
    from infra.dead_letters.listing import summary

    found = summary(load_settings(), done=everything)
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
    topic: _Topic,
    limit: Annotated[int, typer.Option(min=1, help="How many letters, the oldest first.")] = 20,
    reason: _Reason = "",
    everything: _All = False,
    json: Json = False,
) -> None:
    """Show open dead letters of a topic: where they come from, why, and what is in them.

    Example: groundswell dlq show engagement.events.v1 --limit 5
    """
    from infra.dead_letters.box import Letterbox
    from infra.dead_letters.listing import described
    from schemas.catalogue import topic_named

    found = topic_named(topic.removesuffix(".dlq"))
    settings = load_settings()
    letters = Letterbox(settings.kafka_config(), found).letters(done=everything, reason=reason)
    facts = described(settings, found, islice(letters, limit))
    if json:
        print_json(facts)
        return
    for fact in facts:
        say(f"{fact['record']}, key {fact['key']}")
        for refusal in fact["refusals"]:
            done = f" ({refusal['done']})" if refusal["done"] else ""
            say(f"  {refusal['component']} at {refusal['at']}: {refusal['reason']}{done}")
        say(f"  event: {as_json(fact['event'])}" if "event" in fact else f"  bytes: {fact['hex']}")
    if not facts:
        say(f"{found.name} has no dead letters")


@app.command("redrive")
def redrive(topic: _Topic, reason: _Reason = "", limit: _Limit = None, json: Json = False) -> None:
    """Publish the records of open dead letters to their topic again, each once.

    For use after a fix. Only the components that refused a record read its copy; what fails again
    becomes a new letter. It may be killed and run again.

    Example: groundswell dlq redrive engagement.events.v1 --reason "no schema"
    """
    from infra.dead_letters import work
    from schemas.catalogue import topic_named

    found = topic_named(topic.removesuffix(".dlq"))
    with progress(found.dlq, None) as show:
        worked = work.redrive(load_settings(), found, reason=reason, limit=limit, progress=show)
    _tell(worked, found.name, "redriven", json)


@app.command("drop")
def drop(topic: _Topic, reason: _Reason = "", limit: _Limit = None, json: Json = False) -> None:
    """Close open dead letters without publishing anything.

    Example: groundswell dlq drop engagement.events.v1 --reason "below zero"
    """
    from infra.dead_letters import work
    from schemas.catalogue import topic_named

    found = topic_named(topic.removesuffix(".dlq"))
    with progress(found.dlq, None) as show:
        worked = work.drop(load_settings(), found, reason=reason, limit=limit, progress=show)
    _tell(worked, found.name, "dropped", json)


def _tell(worked: Worked, topic: str, what: str, json: bool) -> None:
    if json:
        facts = asdict(worked)
        print_json({"topic": topic, what: facts.pop("done"), **facts})
        return
    say(f"{worked.done:,} dead letters of {topic} {what}")
    if worked.found:
        say(f"  {worked.found:,} had been redriven by a run that was cut off")
    if worked.superseded:
        say(f"  {worked.superseded:,} were closed: the topic has newer rows of their keys")
    if worked.failed:
        note(f"{worked.failed:,} stay; the first of them:")
        for reason in worked.first_failures:
            note(f"  {reason}")
