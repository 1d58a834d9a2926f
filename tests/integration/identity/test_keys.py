"""Keys prove their owner, within what he may; what is revoked proves nobody."""

from __future__ import annotations

import asyncio

import pytest

from schemas.personal.keys import PersonKeys
from streams.decisions.decider import Refused
from streams.identity.errors import UnknownAccount
from streams.identity.principal import Principal
from streams.identity.roles import Role
from streams.identity.scopes import ScopeError
from streams.identity.tiers import Tier
from streams.identity.verifying import Denied
from tests.integration.identity.conftest import PASSWORD, PERSONS, Clock, Place, Play, opened

BY = "installation"


async def denied(place: Place, key: str) -> str:
    found = await place.verifier.by_key(key)
    assert isinstance(found, Denied), found
    return found.code


async def proved(place: Place, key: str) -> Principal:
    found = await place.verifier.by_key(key)
    assert isinstance(found, Principal), found
    return found


async def creator(place: Place) -> str:
    _, user_id = await place.verified()
    await place.accounts.set_role(user_id, Role.CREATOR, BY)
    await place.accounts.set_tier(user_id, Tier.PRO, BY)
    return user_id


def test_a_key_proves_its_owner_until_it_is_revoked(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        accounts = place.accounts
        user_id = await creator(place)
        scopes = {"publish:engagement.events.v1", "read:projection"}
        key = await accounts.issue_key(user_id, "the laptop of Ada", scopes, by=user_id)
        found = await proved(place, key.secret)
        assert (found.user_id, found.role, found.tier) == (user_id, Role.CREATOR, Tier.PRO)
        assert (found.scopes, found.credential) == (scopes, f"key:{key.key_id}")
        assert found.may("read:projection") and not found.may("publish:video.uploads.v1")
        [facts] = await accounts.keys_of(user_id)
        assert (facts.key_id, facts.name, facts.scopes) == (key.key_id, "the laptop of Ada", scopes)
        for wrong in (key.secret[:-1] + "~", key.secret[:-1], "gsk_", "", key.key_id):
            assert await denied(place, wrong) == "invalid"
        other = key.secret[:-4] + ("AAAA" if key.secret[-4:] != "AAAA" else "BBBB")
        assert await denied(place, other) == "invalid"
        for _ in range(2):
            await accounts.revoke_key(user_id, key.key_id, BY)
        assert await denied(place, key.secret) == "invalid"
        assert await accounts.keys_of(user_id) == []
        secret = key.secret.rpartition("_")[2]
        stored = str(place.query("SELECT k::text FROM identity_keys AS k"))
        told = str(place.told(user_id))
        assert secret not in stored + told + repr(key) and "laptop" not in stored + told

    play(scenario)


def test_a_key_is_never_more_than_its_owner(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        accounts = place.accounts
        user_id = await creator(place)
        issue = accounts.issue_key
        with pytest.raises(Refused, match="a creator cannot"):
            await issue(user_id, "k", ["admin"], by=BY)
        with pytest.raises(Refused, match="tier is pro"):
            await issue(user_id, "k", ["publish:*"], Tier.UNLIMITED, by=BY)
        with pytest.raises(ScopeError):
            await issue(user_id, "k", ["everything"], by=BY)
        with pytest.raises(UnknownAccount):
            await issue("usr_nobody", "k", ["read:projection"], by=BY)
        key = await issue(user_id, "k", ["publish:*", "read:projection"], Tier.FREE, by=BY)
        own = await issue(user_id, "k", ["read:projection"], Tier.PRO, by=BY)
        assert (await proved(place, key.secret)).tier is Tier.FREE
        assert (await proved(place, own.secret)).tier is Tier.PRO
        await accounts.set_role(user_id, Role.USER, BY)
        await accounts.set_tier(user_id, Tier.FREE, BY)
        assert (await proved(place, key.secret)).scopes == {"read:projection"}
        assert (await proved(place, own.secret)).tier is Tier.FREE
        await accounts.suspend(user_id, "a reason", BY)
        assert await denied(place, key.secret) == "suspended"
        await accounts.reinstate(user_id, BY)
        assert await proved(place, key.secret)

    play(scenario)


def test_the_last_use_is_written_once_a_minute(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        user_id = await creator(place)
        key = await place.accounts.issue_key(user_id, "k", ["read:projection"], by=BY)

        async def last_used() -> object:
            [facts] = await place.accounts.keys_of(user_id)
            return facts.last_used

        assert await last_used() is None
        first = place.clock()
        await proved(place, key.secret)
        for _ in range(3):
            place.clock.passes(seconds=19)
            await proved(place, key.secret)
            await denied(place, key.secret[:-4] + "....")
            assert await last_used() == first
        place.clock.passes(seconds=4)
        await proved(place, key.secret)
        assert await last_used() == place.clock()

    play(scenario)


def test_what_is_revoked_elsewhere_proves_nobody_after_a_second(tables: str) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        key = await place.accounts.issue_key(user_id, "k", ["read:projection"], by=BY)
        session = await place.accounts.login(email, PASSWORD)

        async def elsewhere(other: Place) -> None:
            async def is_let_in() -> list[bool]:
                found = [
                    await other.verifier.by_key(key.secret),
                    await other.verifier.by_token(session.access_token),
                ]
                return [isinstance(one, Principal) for one in found]

            assert await is_let_in() == [True, True]
            await place.accounts.revoke_key(user_id, key.key_id, BY)
            await place.accounts.logout_everywhere(user_id)
            assert await denied(place, key.secret) == "invalid"  # in that process at once
            other.clock.passes(seconds=0.99)
            assert await is_let_in() == [True, True]
            other.clock.passes(seconds=0.02)
            assert await is_let_in() == [False, False]

        clock = Clock()
        with PersonKeys(tables, [PERSONS]) as others:
            await opened(tables, others, elsewhere, clock=clock, timer=clock.seconds)

    with PersonKeys(tables, [PERSONS]) as keys:
        asyncio.run(opened(tables, keys, scenario))


def test_a_thousand_questions_at_once_are_one_to_the_database(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        session = await place.accounts.login(email, PASSWORD)
        key = await place.accounts.issue_key(user_id, "k", ["read:projection"], by=BY)
        before = place.accounts._pool.get_stats()["requests_num"]
        asked = [place.verifier.by_key(key.secret) for _ in range(500)]
        asked_too = [place.verifier.by_token(session.access_token) for _ in range(500)]
        found = await asyncio.gather(*asked, *asked_too)
        assert {one.user_id for one in found if isinstance(one, Principal)} == {user_id}
        assert len(found) == 1000
        # A key, a session, and the key's first use.
        assert place.accounts._pool.get_stats()["requests_num"] - before <= 3

    play(scenario)


def test_an_answer_that_was_asked_for_before_a_change_is_not_remembered(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        for _ in range(20):
            session = await place.accounts.login(email, PASSWORD)
            asked = [
                asyncio.create_task(place.verifier.by_token(session.access_token)) for _ in range(3)
            ]
            await place.accounts.logout(user_id, session.session_id)
            denied = await place.verifier.by_token(session.access_token)
            assert isinstance(denied, Denied)
            await asyncio.gather(*asked)
            assert isinstance(await place.verifier.by_token(session.access_token), Denied)

    play(scenario)
