"""`groundswell policy`: rules that turn detections and scores into requests."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.common import Json, instant, load_settings, print_json, say, table

if TYPE_CHECKING:
    from infra.policy_check import Verdict
    from streams.generation.policy.rule import Rule

app = typer.Typer(help="Rules that turn detections and scores into requests.", no_args_is_help=True)

_SHOWN = 10  # requests of a rule, unless asked for more


@app.callback()
def policy() -> None:
    """Rules that turn detections and scores into requests."""


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="The file of rules (TOML).")],
    since: Annotated[
        str | None,
        typer.Option(help="Judge what the log received since then (UTC), and ask for nothing."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Requests of a rule to show, the newest.")
    ] = _SHOWN,
    json: Json = False,
) -> None:
    """Say whether a file of rules can be understood, and what its rules would have asked for.

    Without --since only the file is read. Mistakes are told with their lines.

    Example: groundswell policy check rules.toml --since 2026-05-01
    """
    start = instant(since, "--since")
    from streams.generation.policy.rules_file import read

    rules = read(file)
    if start is None:
        if json:
            print_json([_facts(rule) for rule in rules])
        elif rules:
            table([_facts(rule) for rule in rules])
        else:
            say(f"{file} has no rules")
        return
    from infra.policy_check import check as judge

    verdicts = judge(load_settings(), rules, start)
    if json:
        print_json([_cut(verdict, limit) for verdict in verdicts])
        return
    for verdict in verdicts:
        _show(verdict, limit)


def _facts(rule: Rule) -> dict[str, object]:
    return {
        "rule": rule.name,
        "source": rule.source.name,
        "conditions": len(rule.conditions),
        "per_hour": rule.per_hour,
        "dry_run": rule.dry_run,
    }


def _cut(verdict: Verdict, limit: int) -> dict[str, object]:
    return {**asdict(verdict), "requests": verdict.requests[-limit:] if limit else []}


def _show(verdict: Verdict, limit: int) -> None:
    say(
        f"{verdict.rule}: {verdict.would_ask:,} requests, for {verdict.videos:,} videos that "
        f"{verdict.events:,} {verdict.source} call for ({verdict.over_cap:,} over its cap, "
        f"{verdict.unfit:,} unfit)"
    )
    for request in verdict.requests[-limit:] if limit else []:
        say(f"  {request['at']:%Y-%m-%d %H:%M} {request['source_video_id']}: {request['prompt']}")
