"""What accounts answer. Secrets among it are shown once and are stored nowhere in plain."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from streams.identity.roles import Role
from streams.identity.tiers import Tier


@dataclass(frozen=True, slots=True)
class Registered:
    """What came of a registration.

    Attributes:
        user_id: None where the address was taken: who asks must not be told.
        verification_token: for the e-mail, good for 24 hours; None where the address was taken or
            needs no verification.
    """

    user_id: str | None
    verification_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """An open session.

    Attributes:
        expires_in: seconds that the access token is good for.
        refresh_expires_in: seconds that the refresh token is good for.
    """

    user_id: str
    session_id: str
    role: Role
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_expires_in: int


@dataclass(frozen=True, slots=True)
class TotpOffer:
    """A secret for an authenticator, which counts once a code of it was confirmed.

    Attributes:
        uri: `otpauth://`, what a QR code carries.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key; `secret` is what is sent with requests, and is never shown again."""

    key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key, without its secret.

    Attributes:
        tier: None: its owner's.
        last_used: to the minute.
    """

    key_id: str
    name: str
    scopes: frozenset[str]
    tier: Tier | None
    created_at: dt.datetime
    last_used: dt.datetime | None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account as it is now, ahead of projections; personal text is opened.

    Attributes:
        email: None where the person was forgotten in the meantime.
        sessions: how many are open.
    """

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
    providers: frozenset[str]
    sessions: int
    created_at: dt.datetime
