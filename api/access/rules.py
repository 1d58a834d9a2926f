"""Rules of the table: what somebody must be, or have, to use an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.errors import ApiError
from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    ENGAGEMENT,
    TOPICS,
    VIDEO_SNAPSHOTS,
    VIDEO_UPLOADS,
)
from schemas.topic import Topic
from streams.identity import scopes
from streams.identity.principal import INSTALLATION, PAGE, Principal
from streams.identity.roles import Role

READING = frozenset({"GET", "HEAD", "OPTIONS"})
CHALLENGE = 'Bearer realm="groundswell"'  # of WWW-Authenticate (RFC 6750)

# What is observed outside. Other topics' events name users, or follow from the log.
FACTS = frozenset(
    topic.name for topic in (VIDEO_UPLOADS, ENGAGEMENT, CHANNEL_SNAPSHOTS, VIDEO_SNAPSHOTS)
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may use an address.

    Attributes:
        role: the least that is enough; None: everybody, and nobody is asked who they are.
        scope: what a key that is narrowed to scopes must have.
        own: the things there have owners: the route asks `api.users.Asker` about each.
        person: only somebody who is logged in: no key, not the dashboard's page.
        unnamed: `X-User-ID` is refused: whoever speaks for a user has that user's rights.
    """

    role: Role | None
    scope: str = scopes.ADMIN
    own: bool = False
    person: bool = False
    unnamed: bool = False

    def needs(self, params: Mapping[str, str]) -> tuple[Role, str]:
        """The role and the scope, where the address has those parameters."""
        assert self.role is not None, "open addresses need nothing"
        return self.role, self.scope

    def refusal(
        self, who: Principal, method: str, params: Mapping[str, str], *, named: bool
    ) -> ApiError | None:
        """Why somebody may not; None where they may.

        Args:
            named: whether the request names a user in `X-User-ID`.
        """
        if who.credential == PAGE and method not in READING:
            return forbidden("the dashboard's session only reads; send the key")
        if self.person and not who.credential.startswith("session:"):
            return forbidden("only somebody who is logged in may do that: send an access token")
        role, scope = self.needs(params)
        if not who.role.at_least(role):
            return forbidden(f"only {_as_plural(role)} may do that")
        if not who.may(scope):
            return insufficient(scope)
        if self.unnamed and named:
            return forbidden("whoever speaks for a user may not do that: send no X-User-ID with it")
        return None


@dataclass(frozen=True, slots=True)
class Publishing(Rule):
    """Who may send events to the topic that the address names."""

    def needs(self, params: Mapping[str, str]) -> tuple[Role, str]:
        """Creators tell facts; what other topics have would speak for others, or for us."""
        topic = params["topic"]
        scope = scopes.publishing(topic) if topic in TOPICS else scopes.ADMIN
        return Role.CREATOR if topic in FACTS else Role.ADMIN, scope


OPEN = Rule(None)
READ = Rule(Role.USER, scopes.READ)
OWN = Rule(Role.USER, scopes.READ, own=True)
SPEND = Rule(Role.CREATOR, scopes.READ)  # of what the whole installation has in common
MODERATE = Rule(Role.MODERATOR, scopes.READ)
ADMINISTER = Rule(Role.ADMIN, unnamed=True)
SELF = Rule(Role.USER, own=True, person=True)
PUBLISH = Publishing(Role.CREATOR)


def makes(topic: Topic, role: Role = Role.USER) -> Rule:
    """Who may change their own things, which are written to a topic."""
    return Rule(role, scopes.publishing(topic.name), own=True)


def may_speak_for_others(who: Principal) -> bool:
    """Whether somebody may name a user, and change what is another's."""
    return who.role is Role.ADMIN and who.may(scopes.ADMIN)


def is_installation(who: Principal) -> bool:
    """Whether that is the holder of the installation's own key."""
    return who.credential == INSTALLATION


def forbidden(message: str) -> ApiError:
    """403: it is known who asks, and they may not."""
    return ApiError(403, "FORBIDDEN", message)


def insufficient(scope: str) -> ApiError:
    """403: the key is narrowed to other things."""
    return ApiError(
        403,
        "INSUFFICIENT_SCOPE",
        f"the key does not have the scope {scope}",
        details={"scope": scope},
        headers={"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
    )


def _as_plural(role: Role) -> str:
    return f"{role}s and whoever is above them" if role is not Role.ADMIN else "administrators"
