"""`groundswell forget`: a person's key is deleted."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.common import Json, load_settings, print_json, say


def forget(
    user: Annotated[
        str,
        typer.Argument(
            help="The id as producers send it, that of an account or its e-mail address, or a "
            "sealed value."
        ),
    ],
    json: Json = False,
) -> None:
    """Make everything sealed for a person unreadable for good: log, tables, replays, backups.

    Of a user's id or e-mail address, the account goes too: sessions, keys, password and what finds
    the address.

    The figures stay as they are: what was counted was done. A second time changes nothing.
    What names a person in plain (the user_id of generation jobs) is counted, not erased.

    Example: groundswell forget u1
    """
    from infra.forgetting import forget_named

    if not user.strip():
        raise typer.BadParameter("name the person", param_hint="USER")
    done = forget_named(load_settings(), user)
    if json:
        print_json(
            {
                "forgotten": done.forgotten,
                "account": done.account,
                "jobs_in_plain": done.jobs,
            }
        )
        return
    if done.account:
        say("the account is erased: nobody logs in with it again")
    if done.forgotten:
        say("the key is deleted: what was sealed for this person cannot be read again")
    else:
        say("there is no key for this person: nothing is sealed for them, or it was forgotten")
    if done.jobs:
        say(f"{done.jobs:,} generation jobs still name them in plain (docs/privacy.md)")
