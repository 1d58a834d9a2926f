"""Scopes: what a key is narrowed to, within its owner's role.

`admin` is everything that the owner may do. `publish:<topic>` sends events to that topic,
`publish:*` to every topic that takes events from outside. `read:projection` reads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from streams.identity.roles import Role

ADMIN = "admin"
READ = "read:projection"
PUBLISH = "publish:"
PUBLISH_ANY = "publish:*"

_FORM = re.compile(r"admin|read:projection|publish:(\*|[a-z0-9][a-z0-9._-]{0,248})")


class ScopeError(ValueError):
    """A scope that there is not; the message says which, and what there is."""


def parse(names: Iterable[str]) -> frozenset[str]:
    """Scopes by their names.

    Raises:
        ScopeError: there is none at all, or one of them is no scope.
    """
    found = frozenset(names)
    for name in sorted(found):
        if _FORM.fullmatch(name) is None:
            raise ScopeError(
                f"{name[:80]!r} is no scope: there are {ADMIN}, {READ}, {PUBLISH_ANY} and "
                f"{PUBLISH}<topic>, such as {PUBLISH}engagement.events.v1"
            )
    if not found:
        raise ScopeError(f"a key needs at least one scope, such as {READ}")
    return found


def publishing(topic: str) -> str:
    """The scope that sending events to a topic needs."""
    return PUBLISH + topic


def allows(scopes: Collection[str] | None, wanted: str) -> bool:
    """Whether somebody with those scopes has the wanted one; None is not narrowed at all."""
    if scopes is None or ADMIN in scopes or wanted in scopes:
        return True
    return wanted.startswith(PUBLISH) and PUBLISH_ANY in scopes


def needs(scope: str) -> Role:
    """The least role whose holder can have a key with that scope."""
    if scope == ADMIN:
        return Role.ADMIN
    return Role.CREATOR if scope.startswith(PUBLISH) else Role.USER


def within(scopes: Iterable[str], role: Role) -> frozenset[str]:
    """Those scopes that a key of somebody in that role can have."""
    return frozenset(scope for scope in scopes if role.at_least(needs(scope)))
