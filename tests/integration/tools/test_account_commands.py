"""`groundswell users`, `keys` and `forget`, against PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner

from infra import logs
from infra.accounts import asked
from infra.cli.app import app
from infra.cli.failures import one_line
from infra.settings import Settings
from infra.supervisor.environment import as_environment
from streams.identity import passwords
from streams.identity.errors import LoginRefused

EMAIL = "anna@example.org"
PASSWORD = "three odd words of hers"

Run = Callable[..., Any]


@pytest.fixture
def settings(stack_settings: Settings, database: str) -> Settings:
    return Settings(
        _env_file=None,
        **{
            **stack_settings.model_dump(exclude_none=True),
            "database_url": database,
            "personal_data_secret": stack_settings.personal_data_secrets[0],
            "jwt_secret": stack_settings.jwt_secrets[0],
        },
    )


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command; its JSON, or the line that it fails with."""
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(logs, "configure", lambda *arguments, **more: None)
    least = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "PasswordHasher", least)

    def ran(*arguments: str, input: str | None = None, fails: bool = False) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--json"], input=input)
        assert (done.exit_code != 0) is fails, done.output
        if fails:
            return one_line(done.exception) if done.exit_code == 1 else done.output
        return json.loads(done.stdout)

    return ran


def test_a_user_from_beginning_to_end(run: Run, settings: Settings) -> None:
    made = run("users", "create", EMAIL.upper(), "--role", "creator", "--name", "Anna")
    user_id, password = made["user_id"], made["password"]
    assert user_id.startswith("usr_")
    session = asked(settings, lambda accounts: accounts.login(EMAIL, password))
    assert (session.user_id, session.role) == (user_id, "creator")
    assert "has an account already" in run("users", "create", EMAIL, fails=True)

    [listed] = run("users", "list")["users"]
    assert (listed["user_id"], listed["email"], listed["role"]) == (user_id, EMAIL, "creator")
    assert run("users", "list", "--role", "admin")["users"] == []

    assert run("users", "role", EMAIL, "admin")["role"] == "admin"
    assert run("users", "tier", user_id, "pro")["tier"] == "pro"
    assert run("users", "suspend", EMAIL, "--reason", "spam")["suspended"] is True
    with pytest.raises(LoginRefused):
        asked(settings, lambda accounts: accounts.login(EMAIL, password))
    assert run("users", "reinstate", EMAIL)["suspended"] is False
    trail = asked(settings, lambda accounts: accounts.trail(user_id, limit=2))
    assert [(one.type, one.facts["by"]) for one in trail] == [
        ("Reinstated", "installation"),
        ("Suspended", "installation"),
    ]

    issued = run("keys", "create", EMAIL, "--name", "reads", "--scope", "read:projection")
    assert issued["key"].startswith(f"gsk_{issued['key_id']}_")
    [key] = run("keys", "list", EMAIL)["keys"]
    assert (key["key_id"], key["name"], key["scopes"]) == (
        issued["key_id"],
        "reads",
        ["read:projection"],
    )
    assert run("keys", "revoke", issued["key_id"])["user_id"] == user_id
    assert run("keys", "list", user_id)["keys"] == []
    assert "revoked already" in run("keys", "revoke", issued["key_id"], fails=True)

    assert run("forget", EMAIL)["account"] is True
    assert run("users", "list")["users"] == []
    assert run("forget", EMAIL)["account"] is False
    assert run("forget", user_id)["account"] is False
    told = asked(settings, lambda accounts: accounts.trail(user_id, limit=100))
    assert EMAIL not in str(told)


def test_a_password_comes_from_standard_input(run: Run, settings: Settings) -> None:
    made = run("users", "create", EMAIL, "--password-stdin", input=f"{PASSWORD}\n")
    assert made["password"] is None
    session = asked(settings, lambda accounts: accounts.login(EMAIL, PASSWORD))
    assert session.user_id == made["user_id"]


def test_wrong_use_is_told_in_one_line(run: Run) -> None:
    assert "no e-mail address" in run("users", "create", "nobody", fails=True)
    short = run("users", "create", EMAIL, "--password-stdin", input="short\n", fails=True)
    assert "at least 10 characters" in short
    run("users", "create", EMAIL)
    for arguments in (
        ("users", "role", "eve@example.org", "admin"),
        ("users", "role", "usr_nobody", "admin"),
        ("keys", "list", "usr_nobody"),
        ("keys", "create", "usr_nobody", "--name", "x", "--scope", "admin"),
    ):
        assert "no" in run(*arguments, fails=True)
    create = ("keys", "create", EMAIL, "--name", "x", "--scope")
    assert "is no scope" in run(*create, "everything", fails=True)
    assert "a user cannot have a key with admin" in run(*create, "admin", fails=True)
    assert "'emperor' is not one of" in run("users", "role", EMAIL, "emperor", fails=True)
