"""`groundswell users`: accounts, by whoever runs the installation."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.common import Json, load_settings, print_json, say, table
from infra.cli.failures import CommandError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streams.identity.accounts import Accounts

app = typer.Typer(help="Accounts of the API's users (docs/identity.md).", no_args_is_help=True)

User = Annotated[str, typer.Argument(metavar="USER", help="E-mail address, or id (usr_...).")]


class RoleName(StrEnum):
    """Roles, the least first."""

    USER = "user"
    CREATOR = "creator"
    MODERATOR = "moderator"
    ADMIN = "admin"


class TierName(StrEnum):
    """Tiers, the smallest first."""

    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"
    UNLIMITED = "unlimited"


@app.command("create")
def create(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Taken as verified.")],
    role: Annotated[RoleName, typer.Option(help="What the user may do.")] = RoleName.USER,
    name: Annotated[str | None, typer.Option(help="How the user is called.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    json: Json = False,
) -> None:
    """Make an account that can log in at once.

    Without --password-stdin a password is made, and printed once.

    Example: groundswell users create anna@example.org --role creator
    """
    import secrets

    from infra.accounts import asked
    from streams.identity.principal import INSTALLATION
    from streams.identity.roles import Role

    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else secrets.token_urlsafe(18)
    made = asked(
        load_settings(),
        lambda accounts: accounts.register(
            email, password, name, role=Role(role), verified=True, by=INSTALLATION
        ),
    )
    if made.user_id is None:
        raise CommandError("this e-mail address has an account already: see `groundswell users`")
    shown = None if password_stdin else password
    if json:
        facts = {"user_id": made.user_id, "email": email, "role": role.value, "password": shown}
        print_json(facts)
        return
    say(f"{made.user_id} can log in as {email}, with the role {role.value}")
    if shown is not None:
        say(f"password, shown once: {shown}")


@app.command("list")
def list_(
    role: Annotated[RoleName | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    json: Json = False,
) -> None:
    """List accounts, the newest first.

    Example: groundswell users list --role admin
    """
    from infra.accounts import asked
    from streams.identity.roles import Role

    wanted = None if role is None else Role(role)
    found = asked(load_settings(), lambda accounts: accounts.users(role=wanted, limit=limit))
    rows: list[dict[str, Any]] = [
        {
            "user_id": one.user_id,
            "email": one.email,
            "role": one.role.value,
            "tier": one.tier.value,
            "suspended": one.suspended,
            "created_at": one.created_at,
        }
        for one in found
    ]
    if json:
        print_json({"users": rows})
        return
    if not rows:
        say("there are no accounts; `groundswell users create EMAIL` makes one")
    table([{**row, "created_at": f"{row['created_at']:%Y-%m-%d %H:%M}"} for row in rows])


@app.command("role")
def role(
    user: User,
    role: Annotated[RoleName, typer.Argument(metavar="ROLE", help="user, creator, ...")],
    json: Json = False,
) -> None:
    """Give a role; another one ends every session of the user.

    Example: groundswell users role anna@example.org moderator
    """
    from streams.identity.roles import Role

    given = Role(role)
    _change(
        user,
        lambda accounts, user_id, by: accounts.set_role(user_id, given, by),
        f"has the role {given.value}",
        json,
    )


@app.command("tier")
def tier(
    user: User,
    tier: Annotated[TierName, typer.Argument(metavar="TIER", help="free, pro, ...")],
    json: Json = False,
) -> None:
    """Give a tier: how much the user may ask for.

    Example: groundswell users tier anna@example.org pro
    """
    from streams.identity.tiers import Tier

    given = Tier(tier)
    _change(
        user,
        lambda accounts, user_id, by: accounts.set_tier(user_id, given, by),
        f"has the tier {given.value}",
        json,
    )


@app.command("suspend")
def suspend(
    user: User,
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit trail, sealed.")],
    json: Json = False,
) -> None:
    """Let somebody in no more: sessions end, keys rest.

    Example: groundswell users suspend anna@example.org --reason spam
    """
    _change(
        user,
        lambda accounts, user_id, by: accounts.suspend(user_id, reason, by),
        "is suspended",
        json,
    )


@app.command("reinstate")
def reinstate(user: User, json: Json = False) -> None:
    """Let somebody in again who was suspended.

    Example: groundswell users reinstate anna@example.org
    """
    _change(
        user,
        lambda accounts, user_id, by: accounts.reinstate(user_id, by),
        "is let in",
        json,
    )


def _change(
    user: str,
    change: Callable[[Accounts, str, str], Awaitable[None]],
    said: str,
    json: bool,
) -> None:
    """Change an account; show it as it is then."""
    from infra.accounts import asked, named
    from streams.identity.answers import AccountFacts
    from streams.identity.principal import INSTALLATION

    async def changed(accounts: Accounts) -> AccountFacts:
        user_id = await named(accounts, user)
        await change(accounts, user_id, INSTALLATION)
        return await accounts.account(user_id)

    account = asked(load_settings(), changed)
    if json:
        print_json(
            {
                "user_id": account.user_id,
                "role": account.role.value,
                "tier": account.tier.value,
                "suspended": account.suspended,
            }
        )
        return
    say(f"{account.user_id} {said}")
