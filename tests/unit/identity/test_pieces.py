"""Roles, scopes, codes, addresses and passwords."""

from __future__ import annotations

import asyncio
import datetime as dt

import pyotp
import pytest
from argon2 import PasswordHasher

from streams.identity import codes, scopes
from streams.identity.emails import checked
from streams.identity.errors import InvalidEmail, PasswordRefused
from streams.identity.passwords import Passwords, check
from streams.identity.principal import Principal, installation
from streams.identity.roles import Role
from streams.identity.scopes import ScopeError
from streams.identity.tiers import Tier

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
AT = dt.datetime(2026, 3, 1, 12, 0, 10, tzinfo=dt.UTC)


def test_each_role_and_tier_includes_those_before_it() -> None:
    for order in (list(Role), list(Tier)):
        for place, one in enumerate(order):
            assert [one.at_least(other) for other in order] == [n <= place for n in range(4)]


@pytest.mark.parametrize(
    ("held", "wanted", "allowed"),
    [
        (None, "admin", True),
        ({"admin"}, "publish:any.topic", True),
        ({"publish:*"}, "publish:any.topic", True),
        ({"publish:*"}, "read:projection", False),
        ({"publish:a.v1"}, "publish:a.v1", True),
        ({"publish:a.v1"}, "publish:a.v11", False),
        ({"publish:a.v1"}, "publish:*", False),
        ({"read:projection"}, "admin", False),
        (set(), "read:projection", False),
    ],
)
def test_a_scope_allows_what_it_says(held: set[str] | None, wanted: str, allowed: bool) -> None:
    assert scopes.allows(held, wanted) is allowed
    narrowed = None if held is None else frozenset(held)
    assert Principal("u", Role.ADMIN, Tier.FREE, narrowed, "key:k").may(wanted) is allowed
    assert installation().may(wanted)


@pytest.mark.parametrize(
    "names", [[], ["write"], ["publish:"], ["publish:A B"], ["admin\n"], ["read:*"]]
)
def test_what_is_no_scope_is_refused_with_those_there_are(names: list[str]) -> None:
    with pytest.raises(ScopeError, match="read:projection"):
        scopes.parse(names)


def test_a_code_is_good_for_a_step_before_and_after_and_only_once() -> None:
    secret = codes.new_secret()
    totp = pyotp.TOTP(secret)
    step = int(AT.timestamp()) // 30
    good = [step + n for n in (-2, -1, 0, 1, 2)]
    found = [codes.step_of(secret, totp.generate_otp(one), AT, 0) for one in good]
    assert found == [None, step - 1, step, step + 1, None]
    assert codes.step_of(secret, totp.generate_otp(step), AT, step) is None
    assert codes.step_of(secret, totp.generate_otp(step - 1), AT, step) is None
    assert codes.step_of(secret, totp.generate_otp(step + 1), AT, step) == step + 1


def test_an_authenticator_is_told_the_account() -> None:
    told = pyotp.parse_uri(codes.uri(codes.new_secret(), "ada@example.org", "Groundswell"))
    assert (told.name, told.issuer) == ("ada@example.org", "Groundswell")


def test_a_backup_code_may_be_typed_in_any_way() -> None:
    made = codes.new_backup_codes()
    assert len({*made}) == codes.BACKUP_CODES
    hashed = codes.backup_hash(b"key", "u", made[0])
    assert hashed is not None
    for typed in (made[0].lower(), made[0].replace("-", ""), f" {made[0]} "):
        assert codes.backup_hash(b"key", "u", typed) == hashed
    assert codes.backup_hash(b"key", "other", made[0]) != hashed
    assert codes.backup_hash(b"other", "u", made[0]) != hashed
    assert codes.backup_hash(b"key", "u", "12345") is None


def test_one_address_has_one_spelling() -> None:
    assert checked("  Ada@EXAMPLE.org ") == checked("ada@example.org") == "ada@example.org"
    assert checked("\uff21da@example.org") == "ada@example.org"  # a full-width A
    assert checked("root@localhost") == "root@localhost"


@pytest.mark.parametrize(
    "text",
    [
        *("", "ada", "@example.org", "ada@", "a b@c.de", "a@b@c.de", "a@b..de", "a@b.de\0"),
        *("a@.de", "a\r\nBcc:x@y.de", "a@" + "b" * 260, "<a@b.de>", "a,b@c.de"),
    ],
)
def test_what_has_not_the_form_of_an_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidEmail):
        checked(text)


def test_a_password_must_be_long_enough_and_not_the_address() -> None:
    check("correct horse", 10, "ada@example.org")
    for text in ("short", "x" * 1001, "ADA@example.org"):
        with pytest.raises(PasswordRefused):
            check(text, 10, "ada@example.org")


def test_passwords_are_known_by_their_hash_alone() -> None:
    async def scenario() -> None:
        passwords = Passwords(CHEAP)
        known = await passwords.hash("caf\u00e9 au lait")
        assert known.startswith("$argon2id$")
        assert await passwords.verify(known, "cafe\u0301 au lait")  # typed on another keyboard
        assert not await passwords.verify(known, "cafe au lait")
        assert not await passwords.verify(known, "\ud800")
        assert not await passwords.verify(None, "anything")
        assert not await passwords.verify("no hash", "anything")
        assert not passwords.outdated(known)
        newer = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
        assert newer.outdated(known)
        assert await newer.verify(known, "caf\u00e9 au lait")
        for one in (passwords, newer):
            one.close()

    asyncio.run(scenario())
