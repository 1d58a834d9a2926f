"""Whom a request's credentials prove: a key, an access token, or the dashboard's cookie."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import HTTPConnection

from api.access.rules import CHALLENGE
from api.errors import ApiError
from api.security import Keys
from streams.identity import scopes
from streams.identity.principal import PAGE, Principal, installation
from streams.identity.roles import Role
from streams.identity.tiers import Tier
from streams.identity.verifying import Denied

KEY_FORM = "gsk_"  # what users' keys begin with
_PARTS_OF_A_TOKEN = 3  # header, claims and signature, with dots between

# What a client is told. The verifier's own words may say what only we need to know.
_OF_KEYS = {
    "invalid": ("INVALID_KEY", "there is no such key, or it was revoked"),
}
_OF_TOKENS = {
    "expired": ("TOKEN_EXPIRED", "the access token has expired: refresh it, or log in again"),
    "ended": ("SESSION_ENDED", "the session has ended: log in again"),
    "invalid": ("INVALID_TOKEN", "this is no access token of this API"),
}


class Verifies(Protocol):
    """Knows users' keys and access tokens."""

    async def by_key(self, offered: str) -> Principal | Denied:
        """Whom a key proves."""

    async def by_token(self, offered: str) -> Principal | Denied:
        """Whom an access token proves."""


def page() -> Principal:
    """A browser with the dashboard's cookie: it reads what moderators read."""
    return Principal(None, Role.MODERATOR, Tier.UNLIMITED, frozenset({scopes.READ}), PAGE)


async def of_key(offered: str, keys: Keys, verifier: Verifies) -> Principal:
    """Whom a key or an access token proves, in whichever header it came.

    Raises:
        ApiError: 401: it was good once, or has the form of one. 403: it is something else, or its
            user is suspended.
        psycopg.OperationalError, psycopg_pool.PoolTimeout: the database is away.
    """
    if keys.is_key(offered):
        return installation()
    if offered.startswith(KEY_FORM):
        found, words = await verifier.by_key(offered), _OF_KEYS
    elif len(offered.split(".")) == _PARTS_OF_A_TOKEN:
        found, words = await verifier.by_token(offered), _OF_TOKENS
    else:
        raise ApiError(403, "FORBIDDEN", "this is not the API's key")
    if isinstance(found, Principal):
        return found
    if found.code == "suspended":
        raise ApiError(403, "ACCOUNT_SUSPENDED", "the account is suspended")
    code, message = words.get(found.code, words["invalid"])
    raise ApiError(
        401,
        code,
        message,
        headers={
            "WWW-Authenticate": f'{CHALLENGE}, error="invalid_token", error_description="{message}"'
        },
    )


def of_cookie(connection: HTTPConnection, keys: Keys) -> Principal:
    """Whom a cookie proves, where no key came.

    Raises:
        ApiError: 401: nobody.
    """
    if keys.has_session(connection):
        return page()
    raise nobody()


def nobody() -> ApiError:
    """401: nothing was sent that could prove anything."""
    return ApiError(
        401,
        "UNAUTHORIZED",
        "send a key in X-API-Key, or an access token in Authorization: Bearer; of an embedded "
        "stack `groundswell status --json` shows the key",
        headers={"WWW-Authenticate": CHALLENGE},
    )
