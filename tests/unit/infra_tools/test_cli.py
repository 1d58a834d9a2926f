"""The command line: help, exit codes, one line per error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main

from infra.cli.app import app
from infra.cli.bench import BENCHMARKS
from infra.cli.failures import CommandError, one_line
from infra.settings import NoStackError


def commands() -> list[tuple[str, ...]]:
    root: Any = typer.main.get_command(app)
    found: list[tuple[str, ...]] = []
    for name, command in root.commands.items():
        if hasattr(command, "commands"):
            found += [(name, inner) for inner in command.commands]
        else:
            found.append((name,))
    return found


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from infra.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_a_help_with_an_example(command: tuple[str, ...]) -> None:
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, [*command, "--help"])

    assert result.exit_code == 0
    assert f"Example: groundswell {' '.join(command)}" in result.stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from infra.cli.app import app; "
        "print([m for m in ('polars', 'confluent_kafka', 'faust', 'pydantic', 'rich.progress') "
        "if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


def test_without_a_stack_one_line_says_what_to_do(tmp_path: Path) -> None:
    result = run("status", "--json", GROUNDSWELL_HOME=str(tmp_path))

    assert result.returncode == 1
    assert result.stdout == ""
    assert "groundswell up --detach" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    result = run("status", GROUNDSWELL_HOME=str(tmp_path), API_PORT="many")

    assert result.returncode == 1
    assert result.stderr.startswith("groundswell: API_PORT: ")
    assert len(result.stderr.splitlines()) == 1


def test_the_traceback_is_there_for_whoever_asks(tmp_path: Path) -> None:
    result = run("status", GROUNDSWELL_HOME=str(tmp_path), GROUNDSWELL_DEBUG="1")

    assert result.returncode == 1
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("fly",),
        ("simulate",),
        ("simulate", "--events", "-1"),
        ("simulate", "--events", "1", "--videos", "1", "--channels", "2"),
        ("simulate", "--events", "1", "--start", "soon"),
        ("replay", "engagement.events.v1", "--out", "a.parquet", "--since", "yesterday"),
        ("ingest", "a.csv", "--format", "poem"),
        ("bench", "../etc"),
    ],
    ids=" ".join,
)
def test_wrong_use_ends_with_two(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)

    assert result.returncode == 2
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ingest", "none.csv"), "none.csv does not exist"),
        (("replay", "none.v1", "--out", "a.parquet"), "no topic is called 'none.v1'"),
        (("simulate", "--events", "1", "--out", "/none/there"), "/none/there"),
    ],
)
def test_what_cannot_be_done_ends_with_one(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    result = run(*arguments, GROUNDSWELL_HOME=str(tmp_path))

    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_topics_prints_the_catalogue_as_json() -> None:
    facts = json.loads(run("topics", "--json").stdout)

    assert "engagement.events.v1" in [fact["name"] for fact in facts]
    assert all(fact["dlq"] == f"{fact['name']}.dlq" for fact in facts)


def test_simulate_writes_a_file_and_says_what_is_in_it(tmp_path: Path) -> None:
    out = tmp_path / "platform.ndjson"

    facts = json.loads(run("simulate", "--events", "500", "--out", str(out), "--json").stdout)

    assert facts["by_topic"]["engagement.events.v1"] == 500
    assert len(out.read_text().splitlines()) == facts["written"]
    assert facts["planted_outliers"]


def test_known_errors_speak_for_themselves_and_unknown_ones_say_their_type() -> None:
    assert one_line(NoStackError("no stack\nruns")) == "no stack runs"
    assert one_line(CommandError("no")) == "no"
    assert one_line(PermissionError(13, "denied", "f")) == "[Errno 13] denied: 'f'"
    assert one_line(ZeroDivisionError("by zero")).startswith(
        "unexpected ZeroDivisionError: by zero"
    )
    assert one_line(ConnectionError()) == "ConnectionError"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_can_be_run(name: str) -> None:
    assert callable(import_module(f"benchmarks.{name}").run)


def test_an_unknown_benchmark_is_told_which_there_are() -> None:
    answer = run("bench", "load")
    assert answer.returncode == 2
    assert "engagement" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("command", ["up", "policy"])
def test_rules_that_cannot_be_understood_are_told_before_anything_starts(
    command: str, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("# one rule\n[[rule]]\nname = 'teasers'\nsource = 'detection'\n")
    arguments = ("policy", "check", str(rules)) if command == "policy" else (command,)

    result = run(*arguments, GROUNDSWELL_HOME=str(tmp_path / "h"), GENERATION_RULES=str(rules))

    assert result.returncode == 1
    assert f"{rules}, line 4, rule teasers: source: " in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "h").exists()


def test_the_dispatcher_does_not_start_with_rules_that_it_cannot_understand(
    tmp_path: Path,
) -> None:
    rules = tmp_path / "none.toml"
    addresses = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "REDIS_URL", "ARTIFACTS_URL")
    result = subprocess.run(
        [sys.executable, "-m", "infra.run", "dispatcher"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            **dict.fromkeys((*addresses, "SCHEMA_REGISTRY_URL"), "nowhere:1"),
            "GENERATION_RULES": str(rules),
        },
        timeout=120,
        check=False,
    )

    assert result.returncode == 1
    assert "none.toml: No such file" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
