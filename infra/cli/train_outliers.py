"""`groundswell train outliers`: growth curves and priors out of the log; those that ship."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.common import (
    Json,
    instant,
    load_settings,
    note,
    print_json,
    progress,
    publisher,
    say,
    table,
    telling,
)
from infra.cli.failures import CommandError

if TYPE_CHECKING:
    from streams.outliers.model.training import Trained


def outliers(
    since: Annotated[
        str | None, typer.Option(help="Snapshots that the log received from then on.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="What the log received before then.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write them to this file as well (JSON).")
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish/--no-publish", help="Let running agents judge by them.")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Publish them even if they describe less well.")
    ] = False,
    json: Json = False,
) -> None:
    """Learn from snapshots how views grow and what is usual, and let the outlier agent use it.

    Learns from the first 80 % of the snapshots and is measured on the rest, against what serves.
    What describes that part less well than what serves is not published.

    Example: groundswell train outliers --since 2026-01-01
    """
    if out is not None:
        _check_folder(out)
    settings = load_settings()
    from infra import outlier_growth
    from streams.outliers.model.training import train

    snapshots, read = outlier_growth.read_snapshots(
        settings,
        progress,
        since=instant(since, "--since"),
        until=instant(until, "--until"),
    )
    with telling("train") as said:
        trained = train(snapshots, outlier_growth.serving(settings), facts=read, said=said)
    if out is not None:
        out.write_text(trained.growth.to_json() + "\n", encoding="utf-8")
    told = publish and (trained.better or force)
    if told:
        with publisher(settings, "groundswell train outliers") as publishing:
            outlier_growth.publish(
                publishing,
                trained.growth,
                learned_from=trained.facts,
                evaluation=trained.evaluation,
            )
    elif publish:
        note(
            "not published: what serves describes the later part at least as well (--force "
            "publishes it all the same)"
        )
    if json:
        print_json(
            {
                "growth": trained.growth.version,
                "published": told,
                "better": trained.better,
                "learned_from": trained.facts,
                "evaluation": trained.evaluation,
            }
        )
        return
    say(f"{trained.growth.version} is {'published' if told else 'learned'}")
    _print(trained)


def default(
    charts: Annotated[Path, typer.Argument(help="Folder with the chart files (parquet).")],
    out: Annotated[Path, typer.Argument(help="File for the curves (JSON).")],
    json: Json = False,
) -> None:
    """Learn the curves that ship, from daily charts; the same files give the same content.

    Example: groundswell train outliers-default ../shared/data
    streams/outliers/model/default.json
    """
    from streams.outliers.model.charts import FILES, default_growth

    absent = [file for file in FILES if not (charts / file).is_file()]
    if absent:
        raise CommandError(f"{charts} has no {', '.join(absent)}")
    _check_folder(out)
    with telling("train"):
        growth = default_growth(charts)
    out.write_text(growth.to_json() + "\n", encoding="utf-8")
    if json:
        print_json({"growth": growth.version, "file": str(out)})
    else:
        say(f"{growth.version} is in {out}")


def _check_folder(file: Path) -> None:
    """Before anything is learned, not after."""
    if not file.parent.is_dir():
        raise CommandError(f"{file} cannot be written: {file.parent} is no folder")


def _print(trained: Trained) -> None:
    facts = trained.facts
    say(
        f"  learned from {facts['observations']:,} observations of {facts['videos']:,} videos of "
        f"{facts['channels']:,} channels before {trained.since:%Y-%m-%d %H:%M} UTC"
    )
    say("  measured on the rest:")
    rows = [_row(name, trained.evaluation[name]) for name in ("learned", "serving", "shipped")]
    table(rows)


def _row(name: str, found: dict[str, Any]) -> dict[str, Any]:
    growth, shares = found["growth"], found["share at p"]["all"]
    return {
        "curves": name,
        "version": found["version"],
        "judged": found["judged"],
        "log score": _figure(found["log score"]),
        "growth off by (log10)": _figure(growth["mean absolute error"]),
        "no growth": _figure(growth["no growth"]),
        **{f"at p <= {p}": _percent(shares[p]) for p in ("0.01", "0.05", "0.1")},
    }


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"
