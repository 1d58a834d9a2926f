"""Users and keys, as they are administered."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic import BaseModel, Field

from api.shapes.accounts import Sent
from streams.identity.roles import Role
from streams.identity.tiers import Tier

LONGEST_NAME = 200  # characters
MOST_SCOPES = 50


class RoleGiven(Sent):
    """A role."""

    role: Role


class TierGiven(Sent):
    """A tier."""

    tier: Tier


class Suspension(Sent):
    """Why somebody is let in no more."""

    reason: str = Field(min_length=1, max_length=500)


class KeyWish(Sent):
    """A wish for a key."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME, description="What it is for.")
    scopes: list[str] = Field(
        min_length=1,
        max_length=MOST_SCOPES,
        description="`read:projection`, `publish:<topic>`, `publish:*`, `admin`; none above the "
        "owner's role.",
    )
    tier: Tier | None = Field(None, description="At most the owner's; absent: the owner's.")


class Key(BaseModel):
    """A key, without its secret."""

    key_id: str
    name: str
    scopes: list[str]
    tier: Tier | None = Field(description="Null: its owner's.")
    created_at: dt.datetime
    last_used: dt.datetime | None = Field(description="To the minute.")


class NewKey(BaseModel):
    """A key that was just issued."""

    key_id: str
    key: str = Field(description="What is sent in X-API-Key. It is never shown again.")


class KeyList(BaseModel):
    """Keys that are not revoked, oldest first."""

    keys: list[Key]


class User(BaseModel):
    """An account in a list."""

    user_id: str
    email: str | None = Field(description="Null where the person was forgotten just now.")
    role: Role
    tier: Tier
    suspended: bool
    created_at: dt.datetime


class TrailEvent(BaseModel):
    """Something that happened to an account."""

    version: int = Field(description="Within the account's story, from 1 on.")
    type: str = Field(description="Such as LoggedIn, LoginFailed, RoleChanged, KeyIssued.")
    occurred_at: dt.datetime
    facts: dict[str, Any] = Field(
        description="What the event says. Personal text is null once the person was forgotten."
    )


class Trail(BaseModel):
    """What happened to an account, newest first."""

    user_id: str
    events: list[TrailEvent]
    next_before: int | None = Field(description="`before` of the next page, if there is one.")
