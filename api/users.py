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
    str | None, Header(min_length=1, max_length=LONGEST_USER, description="The user it is for.")
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


async def asker(x_user_id: UserHeader = None) -> Asker:
    """Who asks, by a request's headers."""
    return Asker(x_user_id)


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
