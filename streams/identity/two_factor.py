"""The second factor: offered, confirmed, turned off."""

from __future__ import annotations

import datetime as dt

from streams.decisions.decider import Refused
from streams.decisions.execution import Effect
from streams.identity import codes, rows
from streams.identity.answers import TotpOffer
from streams.identity.commands import DisableTwoFactor, EnableTwoFactor, MakeBackupCodes
from streams.identity.desk import EMAIL, TOTP
from streams.identity.errors import LoginRefused
from streams.identity.password_changes import PasswordChanges


class TwoFactor(PasswordChanges):
    """Turns the second factor on and off."""

    async def begin_totp(self, user_id: str) -> TotpOffer:
        """Offer a secret; an earlier offer is void.

        Raises:
            UnknownAccount
            Refused: `two_factor_on`.
        """
        state = await self._look(user_id)
        secret = codes.new_secret()
        sealed = await self._seal(user_id, TOTP, secret)
        async with self._pool.connection() as conn:
            if not await rows.change(conn, "offer_totp", user_id=user_id, secret=sealed):
                raise Refused("two_factor_on", "a second factor is on already")
        [address] = await self._open(EMAIL, state.email)
        return TotpOffer(secret, codes.uri(secret, address or user_id, self._rules.issuer))

    async def confirm_totp(self, user_id: str, code: str) -> list[str]:
        """Turn the second factor on; the backup codes, shown once.

        Raises:
            LoginRefused: the code is wrong.
            UnknownAccount
            Refused: `two_factor_on`; `nothing_offered`; `unverified`.
        """
        at = self._clock()
        state = await self._look(user_id)
        async with self._pool.connection() as conn:
            offered = await rows.one(conn, "totp", user_id=user_id)
        if offered is None and not state.two_factor:
            raise Refused("nothing_offered", "ask for a secret first")
        made, kept = await self._new_backup_codes(user_id)
        try:
            use = await self._totp_used(user_id, code.strip(), at)
            command = EnableTwoFactor(at, len(made))
            await self._decide(user_id, command, rows_too=_both(use, kept))
        except rows.Spent:
            if state.two_factor:
                raise Refused("two_factor_on", "a second factor is on already") from None
            raise LoginRefused("the code is wrong") from None
        return made

    async def disable_totp(self, user_id: str, password: str, code: str) -> None:
        """Turn the second factor off.

        Raises:
            LoginRefused: the password or the code is wrong; that counts as a failed login.
            UnknownAccount
            Refused: `two_factor_off`.
        """
        at = self._clock()
        use = await self._proved(user_id, password, code, at)
        try:
            await self._decide(user_id, DisableTwoFactor(at), rows_too=use)
        except rows.Spent:
            await self._fail(user_id, "code", at)

    async def renew_backup_codes(self, user_id: str, password: str, code: str) -> list[str]:
        """New backup codes; the old ones are void. Raises as `disable_totp`."""
        at = self._clock()
        use = await self._proved(user_id, password, code, at)
        made, kept = await self._new_backup_codes(user_id)
        try:
            command = MakeBackupCodes(at, len(made))
            await self._decide(user_id, command, rows_too=_both(use, kept))
        except rows.Spent:
            await self._fail(user_id, "code", at)
        return made

    async def _proved(self, user_id: str, password: str, code: str, at: dt.datetime) -> Effect:
        """What uses up the code of somebody who knows the password.

        Raises:
            LoginRefused, UnknownAccount
            Refused: `two_factor_off`.
        """
        state = await self._look(user_id)
        if not state.two_factor:
            raise Refused("two_factor_off", "no second factor is on")
        await self._prove_password(user_id, password, at)
        try:
            _, use = await self._second_factor(user_id, state, code or " ", at)
        except rows.Spent:
            await self._fail(user_id, "code", at)
        assert use is not None
        return use

    async def _new_backup_codes(self, user_id: str) -> tuple[list[str], Effect]:
        """New codes, and what keeps their hashes instead of the old ones."""
        made = codes.new_backup_codes()
        key = await self._key_of_hashes()
        hashes = [codes.backup_hash(key, user_id, code) for code in made]

        async def kept(conn: rows.Connection) -> None:
            await rows.change(conn, "delete_backup_codes", user_id=user_id)
            await rows.change(conn, "add_backup_codes", user_id=user_id, hashes=hashes)

        return made, kept


def _both(first: Effect, second: Effect) -> Effect:
    async def effect(conn: rows.Connection) -> None:
        await first(conn)
        await second(conn)

    return effect
