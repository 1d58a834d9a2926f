"""Accounts: everything that can be asked of them, and wiring.

registering     register, ask_verification, verify_email
logging_in      login, login_with_provider, link_provider
sessions        refresh, logout, logout_everywhere
password_changes  change_password, ask_reset, reset_password
two_factor      begin_totp, confirm_totp, disable_totp, renew_backup_codes
administering   account, set_role, set_tier, suspend, reinstate
keys            issue_key, revoke_key, keys_of
finding         user_of, owner_of_key, users, count_users, trail
"""

from __future__ import annotations

from streams.identity.administering import Administering
from streams.identity.finding import Finding
from streams.identity.forgetting import forget_account
from streams.identity.keys import Keys
from streams.identity.two_factor import TwoFactor


class Accounts(TwoFactor, Administering, Keys, Finding):
    """Accounts, sessions and keys; see [`Desk`][streams.identity.desk.Desk] for arguments."""

    async def forget(self, user_id: str, by: str | None = None) -> bool:
        """Erase a person: rows, lookups and the key of the sealed values; whether there was one.

        Repeating it finishes what a crash left undone.
        """
        try:
            async with self._pool.connection() as conn:
                found = await forget_account(conn, user_id, self._clock(), by)
        finally:
            self._changed(user_id)
        return await self._drop_key(user_id) or found
