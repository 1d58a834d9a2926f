"""Lives of accounts, one after the other, in a process that a test can kill.

python -m tests.integration.identity.a_life DSN
"""

from __future__ import annotations

import asyncio
import sys

import pyotp

from schemas.personal.keys import PersonKeys
from streams.identity.roles import Role
from tests.integration.identity.conftest import PASSWORD, PERSONS, Place, opened

BY = "installation"


async def live(place: Place) -> None:
    """Everything that changes events and rows together, again and again."""
    accounts = place.accounts
    while True:
        email = place.address()
        made = await accounts.register(email, PASSWORD)
        assert made.verification_token is not None
        user_id = await accounts.verify_email(made.verification_token)
        await accounts.set_role(user_id, Role.CREATOR, BY)
        session = await accounts.login(email, PASSWORD)
        offer = await accounts.begin_totp(user_id)
        totp = pyotp.TOTP(offer.secret)
        await accounts.confirm_totp(user_id, totp.at(place.clock()))
        session = await accounts.refresh(session.refresh_token)
        key = await accounts.issue_key(user_id, "k", ["publish:*"], by=BY)
        await accounts.issue_key(user_id, "k", ["read:projection"], by=BY)
        await accounts.revoke_key(user_id, key.key_id, BY)
        place.clock.passes(seconds=30)
        await accounts.login(email, PASSWORD, code=totp.at(place.clock()))
        await accounts.change_password(user_id, PASSWORD, "a new password")
        await accounts.suspend(user_id, "a reason", BY)
        await accounts.reinstate(user_id, BY)
        if next(place.names) % 2:
            await accounts.forget(user_id)


def main(dsn: str) -> None:
    with PersonKeys(dsn, [PERSONS]) as keys:
        asyncio.run(opened(dsn, keys, live))


if __name__ == "__main__":
    main(*sys.argv[1:])
