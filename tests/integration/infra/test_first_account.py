"""The first account of a stack: made once, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr

from infra.first_account import EMAIL, Beginning, first_account
from infra.settings import Settings
from schemas.personal.keys import PersonKeys
from streams.decisions.connections import connections
from streams.identity import scopes
from streams.identity.accounts import Accounts
from streams.identity.principal import Principal
from streams.identity.roles import Role
from streams.identity.tokens import Tokens
from streams.identity.verifying import Verifier


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    """Of an installation whose database is empty."""
    return Settings(
        _env_file=None,
        groundswell_home=tmp_path,
        database_url=database,
        personal_data_secret=SecretStr("p" * 32),
        jwt_secret=SecretStr("j" * 32),
    )


def test_an_administrator_with_a_key_is_made_once_and_told_to_no_log(settings: Settings) -> None:
    with structlog.testing.capture_logs() as logs:
        made = first_account(settings)
        assert made is not None
        assert first_account(settings) is None
    told = "\n".join(made.lines())
    for secret in (made.password, made.key):
        assert secret in told
        assert secret not in repr(made)
        assert secret not in str(logs)

    async def proved() -> tuple[Role, Principal | object]:
        tokens = Tokens(settings.jwt_secrets)
        async with connections(settings.dsn, most=2) as pool:
            with PersonKeys(settings.dsn, settings.personal_data_secrets) as person_keys:
                accounts = Accounts(pool, person_keys, tokens)
                try:
                    session = await accounts.login(EMAIL, made.password)
                    return session.role, await Verifier(pool, tokens).by_key(made.key)
                finally:
                    accounts.close()

    role, who = asyncio.run(proved())
    assert role is Role.ADMIN
    assert isinstance(who, Principal)
    assert (who.role, who.scopes) == (Role.ADMIN, frozenset({scopes.ADMIN}))


@pytest.mark.parametrize("embedded", [True, False])
def test_it_is_made_behind_provisioning_and_only_of_an_embedded_stack(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, embedded: bool
) -> None:
    order: list[str] = []

    def note(what: str) -> Callable[[Settings], None]:
        return lambda settings: order.append(what)

    monkeypatch.setattr("infra.first_account.first_account", note("account"))
    given = settings.model_copy(update={"database_url": None}) if embedded else settings
    begin = Beginning(given, note("provision"))
    begin(settings)
    assert order == (["provision", "account"] if embedded else ["provision"])
