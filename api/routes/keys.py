"""Keys of programs."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.errors import not_found
from api.refusals import Refusing, misfit
from api.routes import V1
from api.services import Here
from api.shapes.administration import Key, KeyList, KeyWish, NewKey
from api.users import Asker, Who

router = APIRouter(prefix=f"{V1}/keys", tags=["keys"], route_class=Refusing)


@router.post("", status_code=201, summary="Issue a key")
async def issue(body: KeyWish, who: Who, here: Here, response: Response) -> NewKey:
    """For oneself; administrators name another user in `X-User-ID`. The key is shown once."""
    owner = _owner(who)
    issued = await here.identity.accounts.issue_key(
        owner, body.name, body.scopes, body.tier, by=who.principal.by
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"{V1}/keys/{issued.key_id}"
    return NewKey(key_id=issued.key_id, key=issued.secret)


@router.get("", summary="Keys")
async def keys(who: Who, here: Here) -> KeyList:
    """One's own; administrators name another user in `X-User-ID`."""
    found = await here.identity.accounts.keys_of(_owner(who))
    return KeyList(
        keys=[
            Key(
                key_id=one.key_id,
                name=one.name,
                scopes=sorted(one.scopes),
                tier=one.tier,
                created_at=one.created_at,
                last_used=one.last_used,
            )
            for one in found
        ]
    )


@router.delete("/{key_id}", status_code=204, summary="Revoke a key")
async def revoke(key_id: str, who: Who, here: Here) -> None:
    """One's own; administrators revoke any. It is void at once in this process, and within a
    second in others."""
    accounts = here.identity.accounts
    owner = await accounts.owner_of_key(key_id)
    # To others a key does not exist.
    if owner is None or not who.may_change(owner):
        raise not_found("key", key_id)
    await accounts.revoke_key(owner, key_id, who.principal.by)


def _owner(who: Asker) -> str:
    """Whose keys are meant.

    Raises:
        ApiError: 422: the installation's key belongs to nobody, and nobody is named.
    """
    if who.user_id is None:
        raise misfit("header.x-user-id", "name the user whose keys are meant")
    return who.user_id
