from __future__ import annotations

import asyncio

import pytest
from starlette.requests import HTTPConnection

from api.access.proving import page
from api.errors import ApiError
from api.users import LONGEST_USER, Asker, as_meant, asker
from streams.identity import scopes
from streams.identity.principal import Principal, installation
from streams.identity.roles import Role
from streams.identity.tiers import Tier

ADMIN_KEY = frozenset({scopes.ADMIN})
READ_KEY = frozenset({scopes.READ})


def somebody(role: Role, narrowed: frozenset[str] | None = None) -> Principal:
    return Principal("anna", role, Tier.FREE, narrowed, "session:s")


def ask(principal: Principal, x_user_id: str | None) -> Asker:
    connection = HTTPConnection({"type": "http", "state": {"principal": principal}})
    return asyncio.run(asker(connection, x_user_id))


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("anna", "utf-8"),
        ("Zoë", "utf-8"),
        ("Zoë", "latin-1"),
        ("家族", "utf-8"),
        ("🎮", "utf-8"),
    ],
)
def test_a_user_has_the_name_that_was_sent(name: str, encoding: str) -> None:
    sent = name.encode(encoding).decode("latin-1")  # as the server hands headers on
    assert as_meant(sent) == name
    assert ask(installation(), sent).name == name


def test_the_length_of_a_name_is_in_characters() -> None:
    sent = ("家" * LONGEST_USER).encode().decode("latin-1")
    assert ask(installation(), sent).user_id == "家" * LONGEST_USER
    with pytest.raises(ApiError, match=r"at most 200 characters") as refused:
        ask(installation(), sent + "x")
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("principal", "named", "name", "sees", "changes"),
    [
        # who asks, whom they name; whose the new things are; sees and changes: anna's, ben's
        (installation(), None, "anonymous", (True, True), (True, True)),
        (installation(), "ben", "ben", (False, True), (False, True)),
        (page(), None, "anonymous", (True, True), (False, False)),
        (somebody(Role.USER), None, "anna", (True, False), (True, False)),
        (somebody(Role.USER), "anna", "anna", (True, False), (True, False)),
        (somebody(Role.CREATOR), None, "anna", (True, False), (True, False)),
        (somebody(Role.MODERATOR), None, "anna", (True, True), (True, False)),
        (somebody(Role.MODERATOR), "anna", "anna", (True, True), (True, False)),
        (somebody(Role.ADMIN), None, "anna", (True, True), (True, True)),
        (somebody(Role.ADMIN), "ben", "ben", (False, True), (False, True)),
        (somebody(Role.ADMIN, ADMIN_KEY), "ben", "ben", (False, True), (False, True)),
        (somebody(Role.ADMIN, READ_KEY), None, "anna", (True, True), (True, False)),
    ],
)
def test_whose_things_are_open(
    principal: Principal,
    named: str | None,
    name: str,
    sees: tuple[bool, bool],
    changes: tuple[bool, bool],
) -> None:
    who = ask(principal, named)
    assert who.name == name
    assert (who.may_see("anna"), who.may_see("ben")) == sees
    assert (who.may_change("anna"), who.may_change("ben")) == changes


@pytest.mark.parametrize(
    "principal",
    [
        page(),
        somebody(Role.USER),
        somebody(Role.MODERATOR),
        somebody(Role.ADMIN, READ_KEY),  # an administrator's key that is narrowed
    ],
)
def test_only_who_may_do_everything_names_another(principal: Principal) -> None:
    with pytest.raises(ApiError, match="x-user-id") as refused:
        ask(principal, "ben")
    assert refused.value.status == 403
