"""`groundswell bench`: benchmarks, peers in the same run where they install."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.common import Json, load_settings, print_json, say, table
from infra.cli.failures import CommandError

if TYPE_CHECKING:
    from types import ModuleType

BENCHMARKS = (
    "engagement",
    "workers",
    "recovery",
    "freshness",
    "memory",
    "idle",
    "parking",
    "projections",
    "lag",
    "swap",
    "replay",
    "api",
    "virality",
    "outliers",
    "inference",
    "predict",
    "render",
    "dispatch",
    "jobs",
    "relay",
    "watching",
    "analyses",
)


def bench(
    name: Annotated[
        str, typer.Argument(help=f"One of {', '.join(BENCHMARKS)}; or all, which takes hours.")
    ] = "engagement",
    json: Json = False,
    long: Annotated[
        bool, typer.Option("--long", help="The long form of api: ten minutes of listeners.")
    ] = False,
) -> None:
    """Measure this machine against the peers; servers of its own are started for it.

    Example: groundswell bench engagement --json
    """
    load_settings(resolved=False)
    for one in BENCHMARKS if name == "all" else (name,):
        form = {"long": True} if long and one == "api" else {}
        result: dict[str, Any] = _benchmark(one).run(**form)
        if json:
            print_json(result)
        else:
            _print(result)


def _print(result: dict[str, Any]) -> None:
    if "figures" in result:
        _print_figures(result)
        return
    unit = result["unit"]
    say(f"{result['name']}: {_figure(result['ours'])} {unit}")
    for peer, rate in result["peers"].items():
        ratio = result["ratios"].get(peer)
        times = f" (ours is {_figure(ratio)} times that)" if ratio else ""
        say(f"  {peer}: {_figure(rate)} {unit}{times}" if rate else f"  {peer}: left out")


def _print_figures(result: dict[str, Any]) -> None:
    """Many figures, each with what is to be reached and what others reach."""
    table(
        [
            {
                "what": figure["what"],
                "ours": f"{figure['ours']:.4g}",
                "bar": figure["bar"],
                "stretch": figure["stretch"],
                "others": ", ".join(f"{n} {v:.4g}" for n, v in figure["baselines"].items()),
            }
            for figure in result["figures"]
        ]
    )
    for name, why in result["left_out"].items():
        say(f"left out: {name}: {why}")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _benchmark(name: str) -> ModuleType:
    if name not in BENCHMARKS:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(BENCHMARKS)}, all")
    try:
        return import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:
        if error.name not in ("benchmarks", f"benchmarks.{name}"):
            raise
        raise CommandError(
            f"there is no benchmark {name!r} here; benchmarks are run from a checkout"
        ) from None
