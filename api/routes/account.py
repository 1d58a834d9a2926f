"""One's own account: sessions, passwords, the second factor."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.refusals import Refusing, login_refused
from api.routes import V1
from api.services import Here
from api.shapes.accounts import (
    Accepted,
    Account,
    BackupCodes,
    CodeSent,
    EmailNamed,
    PasswordChange,
    PasswordReset,
    Proof,
    TotpSecret,
    VerifiedEmail,
)
from api.steady import steady
from api.users import principal_of
from streams.identity.answers import AccountFacts
from streams.identity.emails import folded
from streams.identity.errors import LoginRefused

router = APIRouter(prefix=f"{V1}/auth", tags=["accounts"], route_class=Refusing)


async def holder(request: Request) -> tuple[str, str]:
    """User and session of somebody who is logged in; the door has seen to that."""
    who = principal_of(request)
    assert who.user_id is not None, "the table lets nobody but users with a session come here"
    return who.user_id, who.credential.partition(":")[2]


Self = Annotated[tuple[str, str], Depends(holder)]


@router.get("/me", summary="One's own account")
async def me(own: Self, here: Here, response: Response) -> Account:
    """As it is now."""
    response.headers["Cache-Control"] = "no-store"
    return account_of(await here.identity.accounts.account(own[0]))


@router.post("/logout", status_code=204, summary="Log out")
async def logout(own: Self, here: Here) -> None:
    """The session that the access token belongs to is over, at once."""
    await here.identity.accounts.logout(*own)


@router.post("/logout-everywhere", status_code=204, summary="Log out everywhere")
async def logout_everywhere(own: Self, here: Here) -> None:
    """Every session is over. Keys stay as they are."""
    await here.identity.accounts.logout_everywhere(own[0])


@router.post("/password/change", status_code=204, summary="Change one's password")
async def change_password(body: PasswordChange, own: Self, here: Here) -> None:
    """Every session is over then, this one too: log in with the new password."""
    try:
        await here.identity.accounts.change_password(
            own[0], body.current_password, body.new_password
        )
    except LoginRefused as error:
        raise login_refused(error, 403) from None


@router.post("/password/forgot", status_code=202, summary="Get mail to choose a new password")
async def forgot(body: EmailNamed, here: Here) -> Accepted:
    """The answer is the same where nobody has the address."""
    async with steady():
        token = await here.identity.accounts.ask_reset(body.email)
    if token is not None:
        here.identity.postman.send(here.identity.letters.reset(folded(body.email), token))
    return Accepted(message="if an account has this address, there is mail soon")


@router.post("/password/reset", summary="Choose a new password")
async def reset(body: PasswordReset, here: Here) -> VerifiedEmail:
    """With the code of the mail, once, within an hour. Every session is over then."""
    user_id = await here.identity.accounts.reset_password(body.token, body.password)
    return VerifiedEmail(user_id=user_id)


@router.post("/2fa/setup", summary="Begin with a second factor")
async def setup(own: Self, here: Here, response: Response) -> TotpSecret:
    """A secret for an authenticator; it counts once `2fa/confirm` got a code of it."""
    response.headers["Cache-Control"] = "no-store"
    offer = await here.identity.accounts.begin_totp(own[0])
    return TotpSecret(secret=offer.secret, uri=offer.uri)


@router.post("/2fa/confirm", summary="Turn the second factor on")
async def confirm(body: CodeSent, own: Self, here: Here, response: Response) -> BackupCodes:
    """From now on a login takes a code, or one of these backup codes, shown once."""
    response.headers["Cache-Control"] = "no-store"
    try:
        return BackupCodes(
            backup_codes=await here.identity.accounts.confirm_totp(own[0], body.code)
        )
    except LoginRefused as error:
        raise login_refused(error, 403) from None


@router.post("/2fa/disable", status_code=204, summary="Turn the second factor off")
async def disable(body: Proof, own: Self, here: Here) -> None:
    """Takes the password and a code."""
    try:
        await here.identity.accounts.disable_totp(own[0], body.password, body.code)
    except LoginRefused as error:
        raise login_refused(error, 403) from None


@router.post("/2fa/backup-codes", summary="Get new backup codes")
async def backup_codes(body: Proof, own: Self, here: Here, response: Response) -> BackupCodes:
    """The old ones are void. Takes the password and a code."""
    response.headers["Cache-Control"] = "no-store"
    try:
        codes = await here.identity.accounts.renew_backup_codes(own[0], body.password, body.code)
    except LoginRefused as error:
        raise login_refused(error, 403) from None
    return BackupCodes(backup_codes=codes)


def account_of(facts: AccountFacts) -> Account:
    """An account as it is shown to its holder and to administrators."""
    return Account(
        user_id=facts.user_id,
        email=facts.email,
        name=facts.name,
        role=facts.role,
        tier=facts.tier,
        verified=facts.verified,
        suspended=facts.suspended,
        two_factor=facts.two_factor,
        backup_codes_left=facts.backup_codes_left,
        locked_until=facts.locked_until,
        providers=sorted(facts.providers),
        sessions=facts.sessions,
        created_at=facts.created_at,
    )
