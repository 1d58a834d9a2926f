"""Who gets in, who does not, and what is told about it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from argon2 import PasswordHasher

from schemas.personal.keys import PersonKeys
from streams.decisions.decider import Refused
from streams.identity.errors import (
    LinkRefused,
    LoginRefused,
    NotVerified,
    PasswordRefused,
    TokenRefused,
)
from streams.identity.roles import Role
from tests.integration.identity.conftest import PASSWORD, PERSONS, Place, Play, opened


async def refused(place: Place, email: str, password: str) -> LoginRefused:
    with pytest.raises(LoginRefused) as caught:
        await place.accounts.login(email, password)
    return caught.value


def test_an_account_is_registered_verified_and_let_in(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email = place.address()
        made = await place.accounts.register(email, PASSWORD, "Ada")
        assert made.user_id is not None and made.verification_token is not None
        with pytest.raises(NotVerified):
            await place.accounts.login(email, PASSWORD)
        assert await place.accounts.verify_email(made.verification_token) == made.user_id
        session = await place.accounts.login(f" {email.upper()} ", PASSWORD)
        assert (session.user_id, session.role) == (made.user_id, Role.USER)
        facts = await place.accounts.account(made.user_id)
        assert (facts.email, facts.name, facts.verified, facts.sessions) == (email, "Ada", True, 1)
        told = place.told(made.user_id)
        assert [kind for kind, _ in told] == ["UserRegistered", "EmailVerified", "LoggedIn"]
        assert email not in str(told) and "Ada" not in str(told)
        assert email not in repr(session) + repr(made) and "ey" not in repr(session)

    play(scenario)


def test_an_address_that_is_taken_gets_the_same_answer_without_a_token(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        persons = place.query("SELECT count(*) FROM person_keys")
        again = await place.accounts.register(email.upper(), "another password")
        assert (again.user_id, again.verification_token) == (None, None)
        assert place.query("SELECT count(*) FROM person_keys") == persons
        assert (await place.accounts.login(email, PASSWORD)).user_id == user_id
        both = await asyncio.gather(
            *(place.accounts.register("Both-" + email, PASSWORD) for _ in range(4))
        )
        assert sum(one.user_id is not None for one in both) == 1

    play(scenario)


def test_tokens_of_e_mails_are_good_once_and_for_a_time(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        accounts = place.accounts
        email = place.address()
        first = (await accounts.register(email, PASSWORD)).verification_token
        second = await accounts.ask_verification(email)
        assert first is not None and second is not None
        with pytest.raises(TokenRefused):
            await accounts.verify_email(first)  # a newer e-mail voids it
        place.clock.passes(hours=25)
        with pytest.raises(TokenRefused):
            await accounts.verify_email(second)
        third = await accounts.ask_verification(email)
        assert third is not None
        await accounts.verify_email(third)
        with pytest.raises(TokenRefused):
            await accounts.verify_email(third)
        assert await accounts.ask_verification(email) is None
        reset = await accounts.ask_reset(email)
        assert reset is not None
        with pytest.raises(TokenRefused):
            await accounts.verify_email(reset)  # of another kind
        place.clock.passes(minutes=61)
        with pytest.raises(TokenRefused):
            await accounts.reset_password(reset, "a new password")
        assert await accounts.ask_reset(place.address()) is None
        stored = str(place.query("SELECT t::text FROM identity_tokens AS t"))
        assert reset not in stored

    play(scenario)


def test_a_password_is_changed_by_who_knows_it_or_reads_the_mail(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        accounts = place.accounts
        email, user_id = await place.verified()
        await accounts.login(email, PASSWORD)
        with pytest.raises(LoginRefused):
            await accounts.change_password(user_id, "wrong", "a new password")
        with pytest.raises(PasswordRefused):
            await accounts.change_password(user_id, PASSWORD, "short")
        with pytest.raises(PasswordRefused):
            await accounts.change_password(user_id, PASSWORD, email)
        stale = await accounts.ask_reset(email)
        await accounts.change_password(user_id, PASSWORD, "a new password")
        assert stale is not None
        with pytest.raises(TokenRefused):
            await accounts.reset_password(stale, "another password")
        assert (await accounts.account(user_id)).sessions == 0
        await refused(place, email, PASSWORD)
        await accounts.login(email, "a new password")
        token = await accounts.ask_reset(email)
        assert token is not None
        resets = await asyncio.gather(
            *(accounts.reset_password(token, f"a third password {n}") for n in range(3)),
            return_exceptions=True,
        )
        assert sorted(map(str, resets)).count(user_id) == 1  # one of the three
        assert (await accounts.account(user_id)).sessions == 0
        kinds = [body["how"] for kind, body in place.told(user_id) if kind == "PasswordChanged"]
        assert kinds == ["changed", "reset"]

    play(scenario)


def test_five_failures_lock_whether_there_is_an_account_or_not(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        waits = []
        for address in (email, place.address()):
            answers = [(await refused(place, address, "wrong")).locked_until for _ in range(5)]
            assert answers[:4] == [None] * 4
            held = await refused(place, address, PASSWORD)
            assert held.locked_until == answers[4]
            waits.append(answers[4])
            assert str(held) == "too many attempts failed: wait"
        assert waits[0] == waits[1]
        place.clock.passes(minutes=15, seconds=1)
        second = [(await refused(place, email, "wrong")).locked_until for _ in range(5)][-1]
        assert second is not None
        assert (second - place.clock()).total_seconds() == 30 * 60
        assert (await place.accounts.account(user_id)).locked_until == second
        reset = await place.accounts.ask_reset(email)
        assert reset is not None
        await place.accounts.reset_password(reset, "a new password")
        await place.accounts.login(email, "a new password")
        failed = [body["why"] for kind, body in place.told(user_id) if kind == "LoginFailed"]
        assert failed == ["password"] * 10

    play(scenario)


def test_many_tries_at_once_are_counted_one_by_one(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        tries = [refused(place, address, "wrong") for address in [email, "no" + email] * 12]
        await asyncio.gather(*tries)
        kinds = [kind for kind, _ in place.told(user_id)]
        assert (kinds.count("LoginFailed"), kinds.count("LockedOut")) == (5, 1)
        assert (await refused(place, email, PASSWORD)).locked_until is not None
        assert (await refused(place, "no" + email, PASSWORD)).locked_until is not None

    play(scenario)


def test_an_unknown_address_is_as_much_work(tables: str) -> None:
    hasher = PasswordHasher(time_cost=3, memory_cost=20_000, parallelism=1)  # some 40 ms

    async def scenario(place: Place) -> None:
        email, _ = await place.verified()
        await refused(place, place.address(), "warms up")
        took: dict[str, list[float]] = {"known": [], "unknown": []}
        for _ in range(4):
            for kind, address in (("known", email), ("unknown", place.address())):
                started = time.process_time()
                await refused(place, address, "wrong")
                took[kind].append(time.process_time() - started)
        # Work, not waiting: others use this machine too. Without the hash it would be a tenth.
        assert 0.5 < min(took["unknown"]) / min(took["known"]) < 2

    with PersonKeys(tables, [PERSONS]) as keys:
        asyncio.run(opened(tables, keys, scenario, hasher=hasher))


def test_a_hash_of_other_parameters_is_made_anew_at_a_login(tables: str) -> None:
    newer = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)

    def hash_of(place: Place, user_id: str) -> Any:
        return place.query("SELECT hash FROM identity_passwords WHERE user_id = %s", user_id)[0][0]

    async def before(place: Place) -> tuple[str, str]:
        return await place.verified()

    async def after(place: Place) -> None:
        known = hash_of(place, user_id)
        assert known.startswith("$argon2id$v=19$m=8,t=1,p=1$")
        await refused(place, email, "wrong")
        assert hash_of(place, user_id) == known
        for _ in range(2):
            await place.accounts.login(email, PASSWORD)
            assert hash_of(place, user_id).startswith("$argon2id$v=19$m=8,t=2,p=1$")

    with PersonKeys(tables, [PERSONS]) as keys:
        email, user_id = asyncio.run(opened(tables, keys, before))
        asyncio.run(opened(tables, keys, after, hasher=newer))


def test_a_provider_s_login_makes_or_joins_an_account(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        accounts = place.accounts
        email = place.address()
        with pytest.raises(LinkRefused, match="vouch"):
            await accounts.login_with_provider("idp", email, email, False)
        sessions = await asyncio.gather(
            *(accounts.login_with_provider("idp", email, email, True, "Ada") for _ in range(4))
        )
        [user_id] = {one.user_id for one in sessions}
        # The address may change there: the subject is what counts.
        again = await accounts.login_with_provider("idp", email, "other@example.org", False)
        assert again.user_id == user_id
        await refused(place, email, PASSWORD)  # there is no password
        assert (await accounts.account(user_id)).providers == {"idp"}
        with pytest.raises(LinkRefused) as caught:
            await accounts.login_with_provider("idp", "another subject", email, True)
        assert caught.value.code == "linked"

    play(scenario)


def test_a_provider_takes_an_account_over_that_nobody_verified(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        accounts = place.accounts
        email = place.address()
        squatter = await accounts.register(email, "the squatter's own")
        session = await accounts.login_with_provider("idp", email, email, True)
        assert session.user_id == squatter.user_id
        await refused(place, email, "the squatter's own")
        assert squatter.verification_token is not None
        with pytest.raises(TokenRefused):
            await accounts.verify_email(squatter.verification_token)
        known, user_id = await place.verified()
        await accounts.link_provider(user_id, "idp", known)
        await accounts.link_provider(user_id, "idp", known)
        assert (await accounts.login_with_provider("idp", known, known, True)).user_id == user_id
        with pytest.raises(Refused, match="joined"):
            await accounts.link_provider(session.user_id, "idp", known)
        stored = str(place.query("SELECT l::text FROM identity_links AS l"))
        assert known not in stored

    play(scenario)
