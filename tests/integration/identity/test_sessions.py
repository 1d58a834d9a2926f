"""Sessions go on with tokens that are good once, and end for everybody at once."""

from __future__ import annotations

import asyncio

import pytest

from streams.identity.answers import Session
from streams.identity.errors import LoginRefused, SessionOver
from streams.identity.principal import Principal
from streams.identity.roles import Role
from streams.identity.verifying import Denied
from tests.integration.identity.conftest import PASSWORD, Place, Play


async def over(place: Place, token: str) -> str:
    with pytest.raises(SessionOver) as caught:
        await place.accounts.refresh(token)
    return caught.value.code


async def is_open(place: Place, session: Session) -> bool:
    return isinstance(await place.verifier.by_token(session.access_token), Principal)


def ends(place: Place, user_id: str) -> list[str]:
    return [body["why"] for kind, body in place.told(user_id) if kind.startswith("Session")]


def test_a_session_goes_on_for_as_long_as_it_is_refreshed(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        session = first = await place.accounts.login(email, PASSWORD)
        recorded = len(place.told(user_id))
        for _ in range(3):
            place.clock.passes(days=6)
            session = await place.accounts.refresh(session.refresh_token)
            assert session.session_id == first.session_id
        assert len(place.told(user_id)) == recorded  # a rotation is no event
        stored = str(place.query("SELECT s::text FROM identity_sessions AS s"))
        assert session.refresh_token.rpartition(".")[2] not in stored
        place.clock.passes(days=8)
        assert await over(place, session.refresh_token) == "expired"
        assert await over(place, session.refresh_token) == "invalid"
        assert ends(place, user_id) == ["expired"]

    play(scenario)


def test_two_refreshes_at_once_get_one_successor(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        session = await place.accounts.login(email, PASSWORD)
        both = await asyncio.gather(
            *(place.accounts.refresh(session.refresh_token) for _ in range(5))
        )
        [successor] = {one.refresh_token for one in both}
        place.clock.passes(seconds=9)  # an answer that was lost
        again = await place.accounts.refresh(session.refresh_token)
        assert again.refresh_token == successor
        assert await is_open(place, again)
        assert ends(place, user_id) == []

    play(scenario)


def test_a_refresh_token_that_comes_again_later_ends_the_session(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        for later, generations in ((11, 1), (0, 2)):
            session = newest = await place.accounts.login(email, PASSWORD)
            other = await place.accounts.login(email, PASSWORD)
            for _ in range(generations):
                newest = await place.accounts.refresh(newest.refresh_token)
            assert await is_open(place, newest)
            place.clock.passes(seconds=later)
            assert await over(place, session.refresh_token) == "reuse"
            assert await over(place, newest.refresh_token) == "invalid"
            assert not await is_open(place, newest)  # in this process at once
            assert await is_open(place, other)
        assert ends(place, user_id) == ["reuse", "reuse"]

    play(scenario)


def test_a_token_that_was_made_up_ends_nothing(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        session = await place.accounts.login(email, PASSWORD)
        head, _, proof = session.refresh_token.rpartition(".")
        made_up = [f"{head}.{'A' * 43}", head, "", f"gsr_{session.session_id}.9.{proof}"]
        for token in (*made_up, f"gsr_nobody.1.{proof}", session.access_token):
            assert await over(place, token) == "invalid"
        assert await is_open(place, session)
        assert ends(place, user_id) == []

    play(scenario)


def test_sessions_end_one_by_one_or_all_at_once(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        first, second, third = [await place.accounts.login(email, PASSWORD) for _ in range(3)]
        for _ in range(2):
            await place.accounts.logout(user_id, first.session_id)
        await place.accounts.logout("usr_nobody", second.session_id)
        opened = [await is_open(place, one) for one in (first, second, third)]
        assert opened == [False, True, True]
        await place.accounts.logout_everywhere(user_id)
        assert not await is_open(place, third)
        assert await over(place, second.refresh_token) == "invalid"
        assert ends(place, user_id) == ["logout", "everywhere"]

    play(scenario)


def test_a_login_ends_sessions_whose_time_is_over(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id = await place.verified()
        await place.accounts.login(email, PASSWORD)
        place.clock.passes(days=8)
        await place.accounts.login(email, PASSWORD)
        assert ends(place, user_id) == ["expired"]
        facts = await place.accounts.account(user_id)
        assert facts.sessions == 1
        rows = "SELECT count(*) FROM identity_sessions WHERE user_id = %s"
        assert place.query(rows, user_id) == [(1,)]

    play(scenario)


def test_role_and_suspension_end_sessions_and_count_at_once(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        accounts, by_token = place.accounts, place.verifier.by_token
        email, user_id = await place.verified()
        session = await accounts.login(email, PASSWORD)
        await accounts.set_role(user_id, Role.MODERATOR, "installation")
        assert not await is_open(place, session)
        session = await accounts.login(email, PASSWORD)
        found = await by_token(session.access_token)
        assert isinstance(found, Principal)
        assert (found.user_id, found.role, found.tier) == (user_id, Role.MODERATOR, "free")
        assert (found.scopes, found.credential) == (None, f"session:{session.session_id}")
        await accounts.suspend(user_id, "wrote to ada@example.org", "usr_admin")
        denied = await by_token(session.access_token)
        assert isinstance(denied, Denied) and denied.code == "ended"
        with pytest.raises(LoginRefused) as caught:
            await accounts.login(email, PASSWORD)
        assert "suspend" not in str(caught.value)
        await accounts.reinstate(user_id, "usr_admin")
        assert await is_open(place, await accounts.login(email, PASSWORD))
        assert "ada@example.org" not in str(place.told(user_id))
        assert ends(place, user_id) == ["role", "suspended"]

    play(scenario)


def test_an_access_token_ends_by_itself(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, _ = await place.verified()
        session = await place.accounts.login(email, PASSWORD)
        assert await is_open(place, session)
        place.clock.passes(minutes=31)
        denied = await place.verifier.by_token(session.access_token)
        assert isinstance(denied, Denied) and denied.code == "expired"
        for made_up in (session.access_token + "x", "", session.refresh_token):
            denied = await place.verifier.by_token(made_up)
            assert isinstance(denied, Denied) and denied.code == "invalid"

    play(scenario)
