"""`groundswell train`: models out of the log, and the one that ships out of chart files."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import train_outliers
from infra.cli.common import (
    Json,
    instant,
    load_settings,
    note,
    print_json,
    progress,
    say,
    table,
    telling,
)
from infra.cli.failures import CommandError

if TYPE_CHECKING:
    from infra.settings import Settings
    from streams.virality.registry.models import Model, ReadSlice
    from streams.virality.training.train import Trained

app = typer.Typer(help="Train models.", no_args_is_help=True)
app.command("outliers")(train_outliers.outliers)
app.command("outliers-default")(train_outliers.default)

_Rounds = Annotated[int, typer.Option(min=1, help="Trees of each set.")]
_Seed = Annotated[int, typer.Option(min=0, help="Another seed, another sample.")]
_MostVideos = Annotated[int, typer.Option(min=1, help="Learn from so many videos at most.")]

_ROUNDS, _MOST_VIDEOS = 100, 60_000


@app.command("virality")
def virality(
    since: Annotated[
        str | None, typer.Option(help="Counts that the log received from then on.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="What the log received before then.")] = None,
    name: Annotated[str, typer.Option(help="Beginning of the model's version.")] = "virality",
    promote: Annotated[
        bool, typer.Option("--promote", help="Let it serve, if it is better than what serves.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Register it even if its own card speaks against it."),
    ] = False,
    compiled: Annotated[
        bool, typer.Option("--compile/--no-compile", help="Compile it for this machine.")
    ] = True,
    rounds: _Rounds = _ROUNDS,
    most_videos: _MostVideos = _MOST_VIDEOS,
    seed: _Seed = 1,
    json: Json = False,
) -> None:
    """Train on the log and register the model; it scores in the shadow of the one that serves.

    Learns from the first 70 % of the time, calibrates on the next 15 %, is tested on the rest. The
    card with metrics, baselines, coverage and drift is registered with it. A model that is worse
    than a simple rule, or whose 90 % band holds fewer than 80 or more than 97 %, is refused.

    Example: groundswell train virality --since 2026-01-01 --promote
    """
    _check_name(name)
    settings = load_settings()
    from streams.virality.registry.desk import RegistryDesk
    from streams.virality.registry.models import DEFAULT

    with RegistryDesk(settings) as desk, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        trained, read, metrics = _from_log(
            settings,
            folder,
            name=name,
            rounds=rounds,
            seed=seed,
            most_videos=most_videos,
            since=instant(since, "--since"),
            until=instant(until, "--until"),
        )
        model = desk.register(
            folder,
            {
                "read": read,
                "trained_since": instant(since, "--since"),
                "trained_until": trained.bundle.description.trained_until,
                "metrics": _in_short(metrics),
            },
            shadow=not promote,
            force=force,
        )
        if compiled:
            _compile(settings, desk.forecaster(model.version))
        outcome = _promotion(desk, trained, model) if promote else {}
        serving = desk.models().serving
    facts = {
        "version": model.version,
        "serving": serving,
        "card": str(settings.home / "models" / model.version),
        "metrics": metrics,
        **outcome,
    }
    if json:
        print_json(facts)
        return
    say(f"{model.version} is registered")
    _print(metrics)
    if promote:
        say(f"  promotion: {outcome['promotion']}")
    said = "the default model" if serving == DEFAULT else serving
    say(f"  {said} serves; the card is in {settings.home / 'models' / model.version}")


@app.command("default")
def default(
    charts: Annotated[Path, typer.Argument(help="Folder with the chart files (parquet).")],
    out: Annotated[Path, typer.Argument(help="Folder for the model; emptied first.")],
    rounds: _Rounds = _ROUNDS,
    most_videos: _MostVideos = _MOST_VIDEOS,
    seed: _Seed = 1,
    json: Json = False,
) -> None:
    """Train the model that ships, on daily charts; the same files give the same bytes.

    Example: groundswell train default ../shared/data streams/virality/models/default
    """
    import shutil

    from streams.virality.training.charts import FILES, LEFT_OUT, NOTES, chart_data
    from streams.virality.training.fit import Recipe
    from streams.virality.training.train import train

    absent = [file for file in FILES if not (charts / file).is_file()]
    if absent:
        raise CommandError(f"{charts} has no {', '.join(absent)}")
    if out.exists() and any(path.is_dir() for path in out.iterdir()):
        raise CommandError(f"{out} has folders in it: it is no folder of a model")
    load_settings(resolved=False)
    with telling("train") as said:
        trained = train(
            chart_data(charts),
            "charts",
            Recipe(rounds, seed, LEFT_OUT),
            most_videos=most_videos,
            said=said,
        )
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        version, metrics = _written(trained, out, NOTES)
    if json:
        print_json({"version": version, "metrics": metrics})
        return
    say(f"{version} is in {out}")
    _print(metrics)


def _from_log(
    settings: Settings,
    folder: Path,
    *,
    name: str,
    rounds: int,
    seed: int,
    most_videos: int,
    since: dt.datetime | None,
    until: dt.datetime | None,
) -> tuple[Trained, tuple[ReadSlice, ...], dict[str, Any]]:
    """Read, train, measure; the bundle with its card is in the folder then."""
    from infra.training_data import read_data
    from streams.virality.training.fit import Recipe
    from streams.virality.training.train import train

    data, read = read_data(settings, progress, since=since, until=until)
    with telling("train") as said:
        trained = train(data, name, Recipe(rounds, seed), most_videos=most_videos, said=said)
        _, metrics = _written(trained, folder, ())
    return trained, read, metrics


def _written(trained: Trained, folder: Path, notes: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Measure a model, and write it with its card; its version and metrics."""
    from streams.virality.models import bundle
    from streams.virality.training import card
    from streams.virality.training.drift import drift
    from streams.virality.training.measures import measured

    version = bundle.save(trained.bundle, folder)
    metrics = measured(trained)
    card.write(card.card_of(trained, metrics, drift(trained), notes), folder)
    return version, metrics


def _promotion(desk: Any, trained: Trained, model: Model) -> dict[str, Any]:
    """Promote the model if it is better on what was kept apart; what came of it."""
    from streams.virality.registry.desk import NotBetterError
    from streams.virality.training.against import compared

    serving = desk.forecaster(desk.models().serving)
    tests = [windows.test for windows in trained.windows.values()]
    comparison = compared(desk.forecaster(model.version), serving, tests)
    try:
        desk.promote(model.version, comparison)
    except NotBetterError as error:
        desk.shadow(model.version, on=True)
        note(f"not promoted: {error}")
        return {"promotion": "refused", "comparison": comparison.as_json()}
    return {"promotion": "promoted", "comparison": comparison.as_json()}


def _compile(settings: Settings, forecaster: Any) -> None:
    with telling("train") as said:
        said("compile")
        forecaster.compile(settings.home / "compiled")


def _in_short(metrics: dict[str, Any]) -> dict[str, Any]:
    """What the registry keeps of metrics: the card has the rest."""
    return {
        stage: {
            "mae": found["ours"]["mae"],
            "r2": found["ours"]["r2"],
            "coverage": found["coverage"],
            "width": found["width"],
            "ece": found["score"]["ece"],
            "baselines": {name: one["mae"] for name, one in found["baselines"].items()},
            "test_rows": found["examples"]["test"],
        }
        for stage, found in metrics.items()
    }


def _print(metrics: dict[str, Any]) -> None:
    rows = []
    for stage, found in metrics.items():
        forecasts = {"this model": found["ours"], **found["baselines"]}
        for name, one in forecasts.items():
            ours = name == "this model"
            rows.append(
                {
                    "stage": stage,
                    "forecast": name,
                    "mean abs. error (log10)": f"{one['mae']:.4f}",
                    "R2": f"{one['r2']:.3f}",
                    "coverage": f"{found['coverage']:.1%}" if ours else "",
                    "median upper / lower": f"{found['width']:.2f}" if ours else "",
                }
            )
    table(rows)


def _check_name(name: str) -> None:
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise typer.BadParameter(
            f"{name!r}: letters, digits, - and _ make a name", param_hint="--name"
        )
