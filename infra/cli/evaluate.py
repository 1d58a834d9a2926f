"""`groundswell evaluate`: how good the models are on data of one's own."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.common import Json, instant, print_json, progress, say, table, telling

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(
    help="Learn from one part of the data, measure on another, baselines beside it.",
    no_args_is_help=True,
)

_Videos = Annotated[
    Path, typer.Option(help="A table with the columns of trending_videos (docs/cli.md).")
]
_Snapshots = Annotated[
    Path, typer.Option(help="A table with the columns of trending_snapshots (docs/cli.md).")
]
_TrainUntil = Annotated[str, typer.Option(help="Nothing from then on is learnt from.")]
_TestFrom = Annotated[str, typer.Option(help="What comes from then on is measured.")]


@app.command("early-popularity")
def early_popularity(
    train: Annotated[Path, typer.Option(help="Daily views to learn from.")],
    test: Annotated[Path, typer.Option(help="Daily views to measure on.")],
    json: Json = False,
) -> None:
    """Views of a month or three from the first days; files with daily_views (docs/cli.md).

    Example: groundswell evaluate early-popularity --train old.parquet --test new.parquet --json
    """
    learnt_from, measured_on = _table(train), _table(test)
    from streams.virality.evaluation.early_popularity import evaluate

    with progress("evaluating") as show:
        facts = evaluate(learnt_from, measured_on, done=show)
    facts["machine"] = _machine()
    if json:
        print_json(facts)
    else:
        _print_early_popularity(facts)


@app.command("prepublication")
def prepublication(
    videos: _Videos,
    snapshots: _Snapshots,
    train_until: _TrainUntil,
    test_from: _TestFrom,
    json: Json = False,
) -> None:
    """First charted views of a video, by what was known before it was published.

    Example: groundswell evaluate prepublication --videos trending_videos.parquet
    --snapshots trending_snapshots.parquet --train-until 2026-04-01 --test-from 2026-04-08
    """
    _charts("prepublication", videos, snapshots, train_until, test_from, json=json)


@app.command("next-day")
def next_day(
    videos: _Videos,
    snapshots: _Snapshots,
    train_until: _TrainUntil,
    test_from: _TestFrom,
    json: Json = False,
) -> None:
    """Growth of a charted video's views until the next day.

    Example: groundswell evaluate next-day --videos trending_videos.parquet
    --snapshots trending_snapshots.parquet --train-until 2026-04-01 --test-from 2026-04-08
    """
    _charts("next_day", videos, snapshots, train_until, test_from, json=json)


@app.command("outliers")
def outliers(
    uploads: Annotated[
        Path,
        typer.Option(help="Whole upload lists: channel_id, video_id, published, views."),
    ],
    seen_at: Annotated[
        str | None,
        typer.Option(help="When the views were counted; else when the newest was published."),
    ] = None,
    json: Json = False,
) -> None:
    """Whether 5, 10 and 20 earlier uploads give the verdict that 40 give, by every definition.

    Example: groundswell evaluate outliers --uploads uploads.parquet --json
    """
    moment = instant(seen_at, "--seen-at")
    given = _table(uploads)
    from infra.cli.evaluate_outliers import show
    from streams.outliers.model.evaluation import evaluate

    with telling("evaluating") as said:
        facts = {**evaluate(given, moment, said=said), "machine": _machine()}
    if json:
        print_json(facts)
    else:
        show(facts)


def _charts(
    name: str, videos: Path, snapshots: Path, train_until: str, test_from: str, *, json: bool
) -> None:
    """One of the evaluations on charts: they share their arguments."""
    until, since = instant(train_until, "--train-until"), instant(test_from, "--test-from")
    assert until is not None and since is not None
    if since < until:
        raise typer.BadParameter(
            f"what is measured begins {test_from}, before what is learnt from ends {train_until}",
            param_hint="--test-from",
        )
    tables = _table(videos), _table(snapshots)
    evaluate = import_module(f"streams.virality.evaluation.{name}").evaluate
    facts = {**evaluate(*tables, until, since), "machine": _machine()}
    if json:
        print_json(facts)
    else:
        _print_facts(facts)


def _table(path: Path) -> pl.DataFrame:
    """A file as a table.

    Raises:
        IngestError: it is none of the known kinds, or not there, or empty.
        CommandError: it cannot be read.
    """
    import polars as pl

    from infra.cli.failures import CommandError
    from infra.ingest.sources import kind_of

    try:
        match kind_of(path):
            case "parquet":
                return pl.read_parquet(path)
            case "csv":
                return pl.read_csv(path, try_parse_dates=True, infer_schema_length=10_000)
            case _:
                return pl.read_ndjson(path, infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        raise CommandError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from None


def _machine() -> dict[str, Any]:
    """What the figures were made with."""
    import os
    import platform
    from importlib.metadata import version

    return {
        "system": platform.platform(terse=True),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **{name: version(name) for name in ("lightgbm", "numpy", "polars")},
    }


def _print_early_popularity(facts: dict[str, Any]) -> None:
    """The figures as tables, the smaller the better."""
    pairs = facts["pairs"]
    say("Mean relative squared error of the views by a day:")
    table(
        [
            {
                "days seen": pair["observed_days"],
                "by day": pair["predicted_day"],
                "videos": pair["videos"],
                "ours": _figure(pair["mrse"]),
                "+-": _figure(pair["standard_error"]),
                **{name: _figure(error) for name, error in pair["baselines"].items()},
                **_band(pair["band"]),
            }
            for pair in pairs
        ],
    )
    percentile = facts["percentile"]
    first, last = percentile["days"]
    say(f"\nMean error of the percentile of the views in the days {first} to {last}:")
    others = {name: _figure(error) for name, error in percentile["baselines"].items()}
    table([{"videos": percentile["videos"], "ours": _figure(percentile["error"]), **others}])
    _print_categories(pairs)
    say()
    _print_facts({name: facts[name] for name in ("rows", "seconds", "machine")})


def _band(band: dict[str, Any] | None) -> dict[str, str]:
    if band is None:
        return {}
    return {
        f"in the {band['nominal']:.0%} band": f"{band['coverage']:.1%}",
        "upper/lower": f"{band['median_upper_over_lower']:.2f}",
    }


def _print_categories(pairs: list[dict[str, Any]]) -> None:
    """Coverage of the bands by category, a column per pair."""
    rows: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        for group in (pair["band"] or {}).get("by_category", []):
            row = rows.setdefault(
                group["category"], {"category": group["category"], "videos": group["rows"]}
            )
            row[f"{pair['observed_days']} -> {pair['predicted_day']}"] = f"{group['coverage']:.1%}"
    if rows:
        say("\nShare of the videos within their band, by category:")
        table(list(rows.values()))


def _print_facts(facts: dict[str, Any], path: str = "") -> None:
    """Any facts: a line for each, a table for a list of rows."""
    for name, value in facts.items():
        if isinstance(value, dict):
            _print_facts(value, f"{path}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            say(f"{path}{name}:")
            table([{key: _figure(cell) for key, cell in row.items()} for row in value])
        else:
            say(f"{path}{name}: {_figure(value)}")


def _figure(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value
