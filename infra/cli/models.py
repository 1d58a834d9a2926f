"""`groundswell models`: the registry of models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.common import (
    Json,
    instant,
    load_settings,
    note,
    print_json,
    progress,
    say,
    table,
)
from infra.cli.failures import CommandError

if TYPE_CHECKING:
    from infra.settings import Settings
    from streams.virality.registry.comparison import Comparison
    from streams.virality.registry.desk import RegistryDesk
    from streams.virality.registry.models import Model, Models
    from streams.virality.registry.shadow import ShadowRecord, Standing

app = typer.Typer(
    help="Models of virality: which there are, which one serves.", no_args_is_help=True
)

_Version = Annotated[
    str, typer.Argument(help="A version, or its beginning; `default` is the one that ships.")
]
_Since = Annotated[
    str | None, typer.Option(help="Compare on counts that the log received from then on.")
]
_Until = Annotated[str | None, typer.Option(help="And before then.")]
_Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]


@app.command("list")
def list_(json: Json = False) -> None:
    """List the registered models: which one serves, which is its shadow, what they were worth.

    Example: groundswell models list
    """
    with _desk() as (desk, _):
        models = desk.models()
    facts = [_brief(models, model) for model in models.registered.values()]
    if json:
        print_json({"serving": models.serving, "shadow": models.shadow, "models": facts})
        return
    say(f"serving: {models.serving}")
    table([{**fact, "registered_at": f"{fact['registered_at']:%Y-%m-%d %H:%M}"} for fact in facts])


@app.command("show")
def show(version: _Version, json: Json = False) -> None:
    """Show a model: files, offsets it was trained on, metrics, promotions; and, of a model that
    is or was a shadow, how it did on predictions whose actuals have come.

    Example: groundswell models show virality-3f9c
    """
    from dataclasses import asdict

    with _desk() as (desk, settings):
        models = desk.models()
        model = models.named(version)
        records = _as_shadow(settings, model.version)
    served = [
        {"at": one.at, "reason": one.reason, "forced": one.forced, "rollback": one.rollback}
        for one in models.history
        if one.version == model.version
    ]
    facts = {**asdict(model), "role": _role(models, model.version), "promotions": served}
    if json:
        print_json({**facts, "as_shadow": [one.as_json() for one in records]})
        return
    for name, value in facts.items():
        if name not in ("files", "read", "promotions", "metrics", "doubts"):
            say(f"{name}: {'-' if value is None else value}")
    for doubt in model.doubts:
        say(f"doubt: {doubt}")
    table([asdict(file) for file in model.files])
    table([asdict(part) for part in model.read])
    table(
        [
            {"stage": stage, **{k: v for k, v in found.items() if not isinstance(v, dict)}}
            for stage, found in model.metrics.items()
            if isinstance(found, dict)
        ]
    )
    table(served)
    _print_records(records)


@app.command("compare")
def compare(
    version: _Version, since: _Since = None, until: _Until = None, json: Json = False
) -> None:
    """Compare a model with the one that serves, on what the log has that neither has learned from;
    and, if it was a shadow, on the predictions that both have made.

    Example: groundswell models compare virality-3f9c
    """
    with _desk() as (desk, settings):
        found = _compared(desk, settings, version, since, until)
        records = _as_shadow(settings, desk.version(version))
    if json:
        print_json({**found.as_json(), "as_shadow": [one.as_json() for one in records]})
        return
    say(found.text)
    _print_records(records)


@app.command("promote")
def promote(
    version: _Version,
    since: _Since = None,
    until: _Until = None,
    force: Annotated[
        bool, typer.Option("--force", help="Without evidence; --reason says why.")
    ] = False,
    reason: _Reason = "",
    json: Json = False,
) -> None:
    """Let a model serve, if it is better than the one that does; running agents take it at once.

    It is compared on what the log has that neither has learned from (paired bootstrap over videos)
    and refused unless the whole 95 % interval is on its side.

    Example: groundswell models promote virality-3f9c
    """
    with _desk() as (desk, settings):
        found = None if force else _compared(desk, settings, version, since, until)
        models = desk.promote(version, found, reason=reason, force=force)
    if json:
        evidence = None if found is None else found.as_json()
        print_json({"serving": models.serving, "comparison": evidence})
    else:
        say(f"{models.serving} serves now")


@app.command("rollback")
def rollback(reason: _Reason = "", json: Json = False) -> None:
    """Let the model serve again that served before.

    Example: groundswell models rollback --reason "too many outliers in music"
    """
    with _desk() as (desk, _):
        models = desk.roll_back(reason)
    if json:
        print_json({"serving": models.serving})
    else:
        say(f"{models.serving} serves now")


@app.command("shadow")
def shadow(
    version: _Version,
    off: Annotated[bool, typer.Option("--off", help="No longer.")] = False,
    json: Json = False,
) -> None:
    """Let a model score beside the one that serves; its errors are known when actuals come.

    Example: groundswell models shadow virality-3f9c
    """
    with _desk() as (desk, _):
        models = desk.shadow(version, on=not off)
    if json:
        print_json({"serving": models.serving, "shadow": models.shadow})
    else:
        say(f"the shadow is {models.shadow or 'nobody'}")


@app.command("compile")
def compile_(version: _Version = "default", json: Json = False) -> None:
    """Compile a model for this machine; processes that load it afterwards are faster.

    Example: groundswell models compile default
    """
    import time

    from streams.virality.models.forecaster import Forecaster
    from streams.virality.registry.models import DEFAULT

    started = time.monotonic()
    if version == DEFAULT:
        settings = load_settings(resolved=False)
        model = Forecaster.default()
        model.compile(settings.home / "compiled")
    else:
        with _desk() as (desk, settings):
            model = desk.forecaster(version)
        model.compile(settings.home / "compiled")
    seconds = time.monotonic() - started
    if json:
        print_json({"version": model.version, "seconds": round(seconds, 1)})
    else:
        say(f"{model.version} is compiled ({seconds:.0f} s)")


@contextmanager
def _desk() -> Iterator[tuple[RegistryDesk, Settings]]:
    from streams.virality.registry.desk import RegistryDesk

    settings = load_settings()
    with RegistryDesk(settings) as desk:
        yield desk, settings


def _compared(
    desk: RegistryDesk, settings: Settings, version: str, since: str | None, until: str | None
) -> Comparison:
    """A model and the one that serves, on rows that neither has learned from."""
    from infra.training_data import read_data
    from streams.virality.registry.models import DEFAULT
    from streams.virality.training.against import compared, later_examples, unseen_by

    models = desk.models()
    if version == models.serving:
        raise CommandError(f"{version} serves: there is nothing to compare it with")
    candidate, serving = desk.forecaster(version), desk.forecaster(models.serving)
    data, _ = read_data(
        settings, progress, since=instant(since, "--since"), until=instant(until, "--until")
    )
    # The default model has learned from charts, of which the log knows nothing.
    learned = (candidate,) if models.serving == DEFAULT else (candidate, serving)
    return compared(candidate, serving, later_examples(data, unseen_by(*learned)))


def _as_shadow(settings: Settings, version: str) -> list[ShadowRecord]:
    """What the tables say of a model as a shadow; nothing where they are away."""
    import psycopg
    from psycopg.rows import dict_row

    from api.predictions.standing import SHADOW_PAIRS, pairs_of, records
    from api.statements import statement

    try:
        with psycopg.connect(settings.dsn, row_factory=dict_row, connect_timeout=5) as connection:
            rows = connection.execute(statement(SHADOW_PAIRS), pairs_of(version)).fetchall()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable) as error:
        note(f"how it did as a shadow is not known: {error}")
        return []
    return records(rows)


def _print_records(records: list[ShadowRecord]) -> None:
    for one in records:
        say(
            f"as the shadow of {one.serving}, on {one.predictions:,} predictions of "
            f"{one.since:%Y-%m-%d} to {one.until:%Y-%m-%d} whose actuals have come:"
        )
        table([_figures("served", one.of_serving), _figures("shadow", one.of_shadow)])
        say(one.comparison.text)


def _figures(role: str, standing: Standing) -> dict[str, Any]:
    return {
        "": role,
        "mean abs. error (log10)": f"{standing.mae:.4f}",
        "coverage": f"{standing.coverage:.1%}",
        "median upper / lower": f"{standing.width:.2f}",
    }


def _brief(models: Models, model: Model) -> dict[str, Any]:
    errors = {
        f"{stage} mae": round(found["mae"], 4)
        for stage, found in model.metrics.items()
        if isinstance(found, dict) and "mae" in found
    }
    return {
        "version": model.version,
        "registered_at": model.registered_at,
        "role": _role(models, model.version),
        **errors,
    }


def _role(models: Models, version: str) -> str:
    if version == models.serving:
        return "serves"
    return "shadow" if version == models.shadow else ""
