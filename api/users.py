"""Who asks, behind the door: the key's holder, or one user whom it names.

The one key has full rights. Whoever holds it speaks for users by naming them in `X-User-ID`; a
request that names one sees and changes that user's things alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header

from api.errors import ApiError

ANONYMOUS = "anonymous"  # whose things are that nobody is named for
LONGEST_USER = 200  # characters

UserHeader = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=4 * LONGEST_USER,
        description="The user it is for.",
        # Of characters; they come as bytes.
        json_schema_extra={"maxLength": LONGEST_USER},
    ),
]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks.

    Attributes:
        user_id: the user who is named; None: the key's holder, who may do everything.
    """

    user_id: str | None

    @property
    def is_admin(self) -> bool:
        """Whether others' things are open too."""
        return self.user_id is None

    @property
    def name(self) -> str:
        """Whose the things are that are made now."""
        return self.user_id or ANONYMOUS

    def may_see(self, owner: str | None) -> bool:
        """Whether a thing of that owner is open."""
        return self.is_admin or self.user_id == owner


def as_meant(header: str) -> str:
    """A header's text, which came as bytes: UTF-8 where it is that, else Latin-1, byte by byte."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


async def asker(x_user_id: UserHeader = None) -> Asker:
    """Who asks, by a request's headers.

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
    return Asker(user)


async def admin(who: Annotated[Asker, Depends(asker)]) -> Asker:
    """Who asks, where that is the key's holder.

    Raises:
        ApiError: 403: it is a user.
    """
    if not who.is_admin:
        raise ApiError(
            403, "FORBIDDEN", "only the key's holder may do that: send no X-User-ID with it"
        )
    return who


Who = Annotated[Asker, Depends(asker)]
Admin = Annotated[Asker, Depends(admin)]
