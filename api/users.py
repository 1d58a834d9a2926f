"""Who asks, behind the door, and whose things that opens.

Things belong to users: jobs and their videos, predictions, analyses, keys. Everybody sees and
changes their own; moderators see all; administrators and the holder of the installation's key do
everything, and may speak for a user whom they name in `X-User-ID`: such a request sees and changes
that user's things alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Header
from starlette.requests import HTTPConnection

from api.access.rules import forbidden, is_installation, may_speak_for_others
from api.errors import ApiError
from streams.identity.principal import Principal
from streams.identity.roles import Role

ANONYMOUS = "anonymous"  # whose things are that nobody is named for
LONGEST_USER = 200  # characters

UserHeader = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=4 * LONGEST_USER,
        description="The user it is for: oneself, unless an administrator asks, or the "
        "installation's key.",
        # Of characters; they come as bytes.
        json_schema_extra={"maxLength": LONGEST_USER},
    ),
]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks.

    Attributes:
        principal: who it is.
        named: the user whom an administrator speaks for; None: nobody.
    """

    principal: Principal
    named: str | None = None

    @property
    def user_id(self) -> str | None:
        """As whom: None for the holder of the installation's key, and for the dashboard's page."""
        return self.named or self.principal.user_id

    @property
    def name(self) -> str:
        """Whose the things are that are made now."""
        return self.user_id or ANONYMOUS

    @property
    def reads(self) -> str | None:
        """Whose things are shown; None: everybody's."""
        if self.named is None and self.principal.role.at_least(Role.MODERATOR):
            return None
        return self.name

    def may_see(self, owner: str | None) -> bool:
        """Whether a thing of that owner is shown."""
        return self.reads is None or self.reads == owner

    def may_change(self, owner: str | None) -> bool:
        """Whether a thing of that owner may be changed, or made."""
        if self.named is None and may_speak_for_others(self.principal):
            return True
        return self.name == owner

    def hold_change(self, owner: str | None, what: str) -> None:
        """Refuse to change another's thing.

        Raises:
            ApiError: 403: it is seen, but not for changing.
        """
        if not self.may_change(owner):
            raise forbidden(f"only its owner may change a {what}")

    def hold_oneself(self, user_id: str, path: str) -> None:
        """Refuse what is asked for in another's name.

        Args:
            path: where the request says in whose name.

        Raises:
            ApiError: 403: it is not the asker's own.
        """
        if not self.may_change(user_id):
            raise ApiError(
                403,
                "FORBIDDEN",
                f"{path}: it has to be {self.name!r}: only administrators ask for others",
                details={"errors": [{"path": path, "reason": "is another user"}]},
            )

    @property
    def is_spokesman(self) -> bool:
        """Whether somebody who may do everything speaks for a user: that there are others' things
        is no secret then."""
        return self.named is not None and may_speak_for_others(self.principal)


def as_meant(header: str) -> str:
    """A header's text, which came as bytes: UTF-8 where it is that, else Latin-1, byte by byte."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def principal_of(connection: HTTPConnection) -> Principal:
    """Who was let in at the door."""
    return cast("Principal", connection.state.principal)


async def asker(connection: HTTPConnection, x_user_id: UserHeader = None) -> Asker:
    """Who asks; the door has seen to it that they may name that user.

    Raises:
        ApiError: 422: the user's id is too long.
    """
    user = None if x_user_id is None else as_meant(x_user_id)
    if user is not None and len(user) > LONGEST_USER:
        raise ApiError(
            422,
            "VALIDATION_ERROR",
            f"validation error: header.x-user-id: has at most {LONGEST_USER} characters",
            details={"errors": [{"path": "header.x-user-id", "reason": "is too long"}]},
        )
    return speaking_for(principal_of(connection), user)


def speaking_for(principal: Principal, user_id: str | None) -> Asker:
    """Somebody who names a user, or nobody. To name oneself changes nothing for a user.

    Raises:
        ApiError: 403: they may not speak for that user.
    """
    if user_id is None or may_speak_for_others(principal):
        return Asker(principal, user_id)
    if user_id != principal.user_id:
        raise ApiError(
            403,
            "FORBIDDEN",
            "header.x-user-id: only administrators and the installation's key name another user",
        )
    return Asker(principal)


def actor(who: Asker) -> str:
    """Who it was, as a change that has no owner tells it."""
    return "admin" if is_installation(who.principal) else who.principal.by


Who = Annotated[Asker, Depends(asker)]
