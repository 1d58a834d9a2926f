"""Codes are good once; nobody gets in with a password alone while they are asked for."""

from __future__ import annotations

import asyncio
import datetime as dt

import pyotp
import pytest

from streams.decisions.decider import Refused
from streams.identity.answers import Session
from streams.identity.errors import LinkRefused, LoginRefused, TwoFactorNeeded
from tests.integration.identity.conftest import PASSWORD, Place, Play


async def with_codes(place: Place) -> tuple[str, str, pyotp.TOTP, list[str]]:
    """Address, id, authenticator and backup codes of a user with a second factor."""
    email, user_id = await place.verified()
    offer = await place.accounts.begin_totp(user_id)
    totp = pyotp.parse_uri(offer.uri)
    assert isinstance(totp, pyotp.TOTP)
    backup = await place.accounts.confirm_totp(user_id, totp.at(place.clock()))
    place.clock.passes(seconds=30)
    return email, user_id, totp, backup


def test_a_second_factor_counts_once_a_code_was_confirmed(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        accounts = place.accounts
        email, user_id = await place.verified()
        with pytest.raises(Refused, match="secret first"):
            await accounts.confirm_totp(user_id, "000000")
        void = await accounts.begin_totp(user_id)
        offer = await accounts.begin_totp(user_id)
        assert offer.secret != void.secret
        with pytest.raises(LoginRefused, match="wrong"):
            await accounts.confirm_totp(user_id, pyotp.TOTP(void.secret).at(place.clock()))
        assert (await accounts.login(email, PASSWORD)).user_id == user_id
        code = pyotp.TOTP(offer.secret).at(place.clock())
        assert len(await accounts.confirm_totp(user_id, code)) == 10
        for command in (accounts.begin_totp(user_id), accounts.confirm_totp(user_id, code)):
            with pytest.raises(Refused, match="on already"):
                await command
        with pytest.raises(TwoFactorNeeded):
            await accounts.login(email, PASSWORD)
        with pytest.raises(LoginRefused):
            await accounts.login(email, PASSWORD, code=code)  # confirming used it up
        stored = str(place.query("SELECT t::text FROM identity_totp AS t"))
        assert offer.secret not in stored
        assert offer.secret not in str(place.told(user_id)) + repr(offer)

    play(scenario)


def test_one_code_opens_one_session(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id, totp, _ = await with_codes(place)
        code = totp.at(place.clock())
        tries = [place.accounts.login(email, PASSWORD, code=code) for _ in range(4)]
        answers = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(one, Session) for one in answers) == 1
        assert sum(isinstance(one, LoginRefused) for one in answers) == 3
        told = place.told(user_id)
        assert [body["method"] for kind, body in told if kind == "LoggedIn"] == ["totp"]
        assert [body["why"] for kind, body in told if kind == "LoginFailed"] == ["code"] * 3
        place.clock.passes(seconds=30)
        await place.accounts.login(email, PASSWORD, code=totp.at(place.clock()))

    play(scenario)


def test_codes_are_counted_as_failures_too(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, _, totp, _ = await with_codes(place)
        step = dt.timedelta(seconds=30)
        near = {totp.at(place.clock() + n * step) for n in (-1, 0, 1)}
        wrong = next(code for n in range(4) if (code := f"{n:06}") not in near)
        for code in (wrong, "WRONG-CODES", wrong, "", wrong, wrong):
            with pytest.raises((LoginRefused, TwoFactorNeeded)):
                await place.accounts.login(email, PASSWORD, code=code)
        with pytest.raises(LoginRefused) as caught:
            await place.accounts.login(email, PASSWORD, code=totp.at(place.clock()))
        assert caught.value.locked_until is not None

    play(scenario)


def test_a_backup_code_is_good_once_and_new_ones_void_the_old(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        accounts = place.accounts
        email, user_id, totp, backup = await with_codes(place)
        tries = [accounts.login(email, PASSWORD, code=backup[0].lower()) for _ in range(3)]
        answers = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(one, Session) for one in answers) == 1
        assert (await accounts.account(user_id)).backup_codes_left == 9
        newer = await accounts.renew_backup_codes(user_id, PASSWORD, totp.at(place.clock()))
        with pytest.raises(LoginRefused):
            await accounts.login(email, PASSWORD, code=backup[1])
        await accounts.login(email, PASSWORD, code=newer[0])
        stored = str(place.query("SELECT t::text FROM identity_backup_codes AS t"))
        assert not any(code.replace("-", "") in stored for code in newer)

    play(scenario)


def test_a_second_factor_is_turned_off_with_password_and_code(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        accounts = place.accounts
        email, user_id, totp, backup = await with_codes(place)
        with pytest.raises(LinkRefused) as caught:
            await accounts.login_with_provider("idp", email, email, True)
        assert caught.value.code == "two_factor"
        for password, code in (("wrong", totp.at(place.clock())), (PASSWORD, "000")):
            with pytest.raises(LoginRefused):
                await accounts.disable_totp(user_id, password, code)
        await accounts.disable_totp(user_id, PASSWORD, backup[3])
        assert not (await accounts.account(user_id)).two_factor
        await accounts.login(email, PASSWORD)
        with pytest.raises(Refused, match="no second factor"):
            await accounts.disable_totp(user_id, PASSWORD, backup[4])
        rows = "SELECT (SELECT count(*) FROM identity_totp WHERE user_id = %s), (SELECT count(*)"
        rows += " FROM identity_backup_codes WHERE user_id = %s)"
        assert place.query(rows, user_id, user_id) == [(0, 0)]

    play(scenario)
