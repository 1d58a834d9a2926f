"""What installations may set about accounts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Durations and sizes.

    Attributes:
        refresh: how long a session may go on without being refreshed.
        verification: how long a token of a verification e-mail is good.
        reset: how long a token of a reset e-mail is good.
        grace: how long after its use a refresh token is answered with its successor again.
        verified_only: whether an address must be verified before its first login.
        issuer: what an authenticator shows.
        shortest_password: in characters.
    """

    refresh: dt.timedelta = dt.timedelta(days=7)
    verification: dt.timedelta = dt.timedelta(hours=24)
    reset: dt.timedelta = dt.timedelta(hours=1)
    grace: dt.timedelta = dt.timedelta(seconds=10)
    verified_only: bool = True
    issuer: str = "Groundswell"
    shortest_password: int = 10


RULES = Rules()
