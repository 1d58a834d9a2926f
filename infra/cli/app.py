"""The commands by name."""

from __future__ import annotations

import typer

from infra.cli import (
    bench,
    channels,
    demo,
    dlq,
    down,
    evaluate,
    expire,
    forget,
    ingest,
    keys,
    models,
    policy,
    rebuild,
    replay,
    schemas,
    simulate,
    status,
    topics,
    train,
    up,
    users,
    youtube,
)

app = typer.Typer(
    name="groundswell",
    help="An event-sourced streaming pipeline for video platforms.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("down")(down.down)
app.command("status")(status.status)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.command("ingest")(ingest.ingest)
app.command("replay")(replay.replay)
app.command("rebuild")(rebuild.rebuild)
app.command("topics")(topics.topics)
app.add_typer(schemas.app, name="schemas")
app.add_typer(dlq.app, name="dlq")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(train.app, name="train")
app.add_typer(models.app, name="models")
app.add_typer(channels.app, name="channels")
app.add_typer(policy.app, name="policy")
app.add_typer(youtube.app, name="youtube")
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")
app.command("expire")(expire.expire)
app.command("forget")(forget.forget)
app.command("bench")(bench.bench)
