"""Users, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.errors import not_found
from api.refusals import Refusing
from api.routes import V1
from api.routes.account import account_of
from api.services import Here, Services
from api.shapes.accounts import Account
from api.shapes.administration import (
    RoleGiven,
    Suspension,
    TierGiven,
    Trail,
    TrailEvent,
    User,
)
from api.shapes.paging import Cursor, Keyset, Page, instant
from api.users import principal_of
from streams.identity.errors import UnknownAccount
from streams.identity.roles import Role

router = APIRouter(prefix=f"{V1}/users", tags=["users"], route_class=Refusing)

_BY_AGE = Keyset("users", created_at=instant, user_id=str)


@router.get("", summary="Users")
async def users(
    here: Here,
    role: Role | None = None,
    suspended: bool | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Cursor = None,
) -> Page[User]:
    """Newest first; pages have no gaps while new ones come."""
    accounts = here.identity.accounts
    after = _BY_AGE.after(cursor)
    before = (after["after_created_at"], after["after_user_id"]) if cursor else None
    page = await accounts.users(role=role, suspended=suspended, before=before, limit=limit)
    return Page(
        items=[
            User(
                user_id=one.user_id,
                email=one.email,
                role=one.role,
                tier=one.tier,
                suspended=one.suspended,
                created_at=one.created_at,
            )
            for one in page
        ],
        total=await accounts.count_users(role=role, suspended=suspended),
        limit=limit,
        offset=0,
        next_cursor=_BY_AGE.cursor(
            [{"created_at": one.created_at, "user_id": one.user_id} for one in page], limit
        ),
    )


@router.get("/{user_id}", summary="A user")
async def user(user_id: str, here: Here) -> Account:
    """As the account is now."""
    return await _shown(user_id, here)


@router.put("/{user_id}/role", summary="Give a role")
async def set_role(user_id: str, body: RoleGiven, request: Request, here: Here) -> Account:
    """Another role ends every session of the user. Nobody changes their own."""
    by = principal_of(request).by
    await here.identity.accounts.set_role(user_id, body.role, by)
    return await _shown(user_id, here)


@router.put("/{user_id}/tier", summary="Give a tier")
async def set_tier(user_id: str, body: TierGiven, request: Request, here: Here) -> Account:
    """How much the user may ask for."""
    await here.identity.accounts.set_tier(user_id, body.tier, principal_of(request).by)
    return await _shown(user_id, here)


@router.post("/{user_id}/suspend", summary="Let a user in no more")
async def suspend(user_id: str, body: Suspension, request: Request, here: Here) -> Account:
    """Sessions end, keys rest; what the user made stays."""
    await here.identity.accounts.suspend(user_id, body.reason, principal_of(request).by)
    return await _shown(user_id, here)


@router.post("/{user_id}/reinstate", summary="Let a user in again")
async def reinstate(user_id: str, request: Request, here: Here) -> Account:
    """Keys work again; sessions have to be begun anew."""
    await here.identity.accounts.reinstate(user_id, principal_of(request).by)
    return await _shown(user_id, here)


@router.get("/{user_id}/events", summary="What happened to a user's account")
async def trail(
    user_id: str,
    here: Here,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Trail:
    """The audit trail, newest first: logins and failures, and every change, with who made it. It
    stays when the account was forgotten, without a name."""
    found = await here.identity.accounts.trail(user_id, before=before, limit=limit + 1)
    if not found and before is None:
        raise not_found("user", user_id)
    page, more = found[:limit], found[limit:]
    events = [
        TrailEvent(version=one.version, type=one.type, occurred_at=one.occurred_at, facts=one.facts)
        for one in page
    ]
    return Trail(user_id=user_id, events=events, next_before=page[-1].version if more else None)


async def _shown(user_id: str, here: Services) -> Account:
    try:
        return account_of(await here.identity.accounts.account(user_id))
    except UnknownAccount:
        raise not_found("user", user_id) from None
