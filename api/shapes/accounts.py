"""Accounts: what is sent and what is answered."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from streams.identity.passwords import LONGEST as LONGEST_PASSWORD
from streams.identity.roles import Role
from streams.identity.rules import RULES
from streams.identity.tiers import Tier

LONGEST_EMAIL = 320  # characters: 64 @ 255
LONGEST_CODE = 40  # characters, with blanks

Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=LONGEST_EMAIL),
    # A part of what is taken, for whoever reads the schema.
    Field(json_schema_extra={"pattern": r"^[a-z0-9._-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*$"}),
]
Password = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PASSWORD)]
NewPassword = Annotated[
    str, StringConstraints(min_length=RULES.shortest_password, max_length=LONGEST_PASSWORD)
]
Code = Annotated[
    str,
    StringConstraints(min_length=6, max_length=LONGEST_CODE),
    Field(description="Six digits of the authenticator, or a backup code."),
]
Token = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Sent(BaseModel):
    """What comes in: a member that there is not is a mistake."""

    model_config = ConfigDict(extra="forbid")


class Registration(Sent):
    """A wish for an account."""

    email: Email
    password: NewPassword
    name: str | None = Field(None, min_length=1, max_length=200)


class EmailNamed(Sent):
    """An e-mail address."""

    email: Email


class TokenSent(Sent):
    """The code of an e-mail."""

    token: Token


class Login(Sent):
    """Who somebody says that they are."""

    email: Email
    password: Password
    code: Code | None = None


class RefreshTokenSent(Sent):
    """What a session is continued with."""

    refresh_token: Token


class PasswordChange(Sent):
    """Another password."""

    current_password: Password
    new_password: NewPassword


class PasswordReset(Sent):
    """Another password, by the code of an e-mail."""

    token: Token
    password: NewPassword


class CodeSent(Sent):
    """A code of an authenticator."""

    code: Code


class Proof(Sent):
    """A password and a code."""

    password: Password
    code: Code


class Accepted(BaseModel):
    """Said whether anything was done or not: nobody learns here which addresses have accounts."""

    status: Literal["accepted"] = "accepted"
    message: str


class VerifiedEmail(BaseModel):
    """An address was shown to be its user's."""

    user_id: str


class SessionTokens(BaseModel):
    """An open session (RFC 6749, 5.1)."""

    access_token: str = Field(description="Send it as `Authorization: Bearer`.")
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int = Field(description="Seconds that the access token is good for.")
    refresh_token: str = Field(description="Good once, for `POST /api/v1/auth/refresh`.")
    refresh_expires_in: int = Field(description="Seconds that the refresh token is good for.")
    user_id: str
    role: Role


class TotpSecret(BaseModel):
    """What an authenticator needs. It counts once a code of it was confirmed."""

    secret: str = Field(description="Base32, to be typed in.")
    uri: str = Field(description="`otpauth://`, to be shown as a QR code.")


class BackupCodes(BaseModel):
    """Shown once; each is good once, in place of an authenticator's code."""

    backup_codes: list[str]


class Account(BaseModel):
    """An account as it is now."""

    user_id: str
    email: str | None
    name: str | None
    role: Role
    tier: Tier
    verified: bool
    suspended: bool
    two_factor: bool
    backup_codes_left: int
    locked_until: dt.datetime | None
    providers: list[str] = Field(description="Who vouches for the user by OpenID Connect.")
    sessions: int = Field(description="How many are open.")
    created_at: dt.datetime


class ProviderList(BaseModel):
    """Where somebody can sign in besides."""

    providers: list[str]


class WayThere(BaseModel):
    """Where a browser goes to."""

    url: str
