"""`groundswell keys`: keys of programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.common import Json, load_settings, print_json, say, table
from infra.cli.failures import CommandError
from infra.cli.users import TierName, User

if TYPE_CHECKING:
    from streams.identity.accounts import Accounts
    from streams.identity.answers import IssuedKey, KeyFacts

app = typer.Typer(help="Keys of programs, each with scopes.", no_args_is_help=True)


@app.command("create")
def create(
    user: User,
    name: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[
        list[str],
        typer.Option(help="read:projection, publish:TOPIC, publish:* or admin; may be repeated."),
    ],
    tier: Annotated[
        TierName | None, typer.Option(help="At most the owner's. Absent: the owner's.")
    ] = None,
    json: Json = False,
) -> None:
    """Issue a key to a user. It is printed once.

    Example: groundswell keys create anna@example.org --name producer --scope publish:*
    """
    from infra.accounts import asked, named
    from streams.identity.principal import INSTALLATION
    from streams.identity.tiers import Tier

    async def issued(accounts: Accounts) -> IssuedKey:
        given = None if tier is None else Tier(tier)
        user_id = await named(accounts, user)
        return await accounts.issue_key(user_id, name, scope, given, by=INSTALLATION)

    key = asked(load_settings(), issued)
    if json:
        print_json({"key_id": key.key_id, "key": key.secret})
        return
    say(f"key {key.key_id}, shown once: {key.secret}")


@app.command("list")
def list_(user: User, json: Json = False) -> None:
    """List a user's keys that are not revoked, the oldest first.

    Example: groundswell keys list anna@example.org
    """
    from infra.accounts import asked, named

    async def found(accounts: Accounts) -> list[KeyFacts]:
        user_id = await named(accounts, user)
        await accounts.account(user_id)  # else a wrong id would look like somebody without keys
        return await accounts.keys_of(user_id)

    rows: list[dict[str, Any]] = [
        {
            "key_id": one.key_id,
            "name": one.name,
            "scopes": sorted(one.scopes),
            "tier": None if one.tier is None else one.tier.value,
            "created_at": one.created_at,
            "last_used": one.last_used,
        }
        for one in asked(load_settings(), found)
    ]
    if json:
        print_json({"keys": rows})
        return
    if not rows:
        say("the user has no keys; `groundswell keys create` issues one")
    for row in rows:
        row["scopes"] = " ".join(row["scopes"])
        for moment in ("created_at", "last_used"):
            row[moment] = f"{row[moment]:%Y-%m-%d %H:%M}" if row[moment] else None
    table(rows)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="As `keys list` shows it.")],
    json: Json = False,
) -> None:
    """Revoke a key: it is void within a second.

    Example: groundswell keys revoke 3f9c0a1b2c3d4e5f
    """
    from infra.accounts import asked
    from streams.identity.principal import INSTALLATION

    async def revoked(accounts: Accounts) -> str:
        owner = await accounts.owner_of_key(key_id)
        if owner is None:
            raise CommandError(f"no key is called {key_id!r}, or it is revoked already")
        await accounts.revoke_key(owner, key_id, INSTALLATION)
        return owner

    owner = asked(load_settings(), revoked)
    if json:
        print_json({"key_id": key_id, "user_id": owner})
        return
    say(f"key {key_id} of {owner} is void")
