"""Everybody who may come to the door: people, programs, and those who prove nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from argon2 import PasswordHasher

from api.services import Services
from streams.identity import scopes
from streams.identity.accounts import Accounts
from streams.identity.passwords import Passwords
from streams.identity.roles import Role
from streams.identity.tokens import AUDIENCE, ISSUER, Tokens
from tests.integration.api.conftest import KEY
from tests.integration.api.in_process import InProcess

PASSWORD = "three odd words of one person"
FOREIGN_SECRET = "another installation's secret, not this one's"

ROLES = {
    "user": Role.USER,
    "creator": Role.CREATOR,
    "owner": Role.CREATOR,
    "moderator": Role.MODERATOR,
    "admin": Role.ADMIN,
}
PROVING_NOTHING = (
    "none",
    "expired token",
    "foreign token",
    "unsigned token",
    "token for others",
    "token of an ended session",
    "revoked key",
    "foreign key",
    "forged cookie",
)

Headers = dict[str, str]


@dataclass
class Callers:
    """Who asks, by name; `owner` is whose things there are.

    Attributes:
        ids: users' ids.
        headers: what each sends to prove who it is.
    """

    app: InProcess
    services: Services
    accounts: Accounts
    ids: dict[str, str] = field(default_factory=dict)
    headers: dict[str, Headers] = field(default_factory=dict)

    def make(self, unique: Callable[[str], str]) -> None:
        """Make them all."""
        for name, role in {**ROLES, "leaver": Role.USER, "suspended": Role.USER}.items():
            self._register(name, f"{unique(name)}@example.org", role)
        for name in ROLES:
            self.log_in(name)
        self.headers |= {
            "none": {},
            "installation": {"X-API-Key": KEY},
            "page": self._page(),
            "reading key": self.key("owner", scopes.READ),
            "publishing key": self.key("owner", scopes.PUBLISH_ANY),
            "admin's key": self.key("admin", scopes.ADMIN),
            "admin's reading key": self.key("admin", scopes.READ),
            "suspended": self.key("suspended", scopes.READ),
            "expired token": bearer(self._expired()),
            "foreign token": bearer(self._token_by(Tokens([FOREIGN_SECRET]))),
            "unsigned token": bearer(jwt.encode(self._claims(), None, algorithm="none")),
            "token for others": bearer(self._for_others()),
            "token of an ended session": self._ended(),
            "revoked key": self._revoked(),
            "foreign key": {"X-API-Key": f"gsk_{'0' * 16}_{'A' * 43}"},
            "forged cookie": {"Cookie": f"groundswell_session=9999999999.{'0' * 64}"},
        }
        self.app.run(self.accounts.suspend(self.ids["suspended"], "a test", self.ids["admin"]))

    def log_in(self, *names: str) -> None:
        """Give people a session, another one where they have one."""
        for name in names:
            session = self.app.run(self.accounts.login(self._emails[name], PASSWORD))
            self.headers[name] = bearer(session.access_token)

    def key(self, name: str, *wanted: str) -> Headers:
        """A new key of somebody."""
        return {"X-API-Key": self.app.run(self._issued(name, wanted))[1]}

    def key_id(self, name: str) -> str:
        """The id of a new key of somebody."""
        return self.app.run(self._issued(name, [scopes.READ]))[0]

    async def _issued(self, name: str, wanted: Any) -> tuple[str, str]:
        made = await self.accounts.issue_key(self.ids[name], "a test", wanted, by=self.ids[name])
        return made.key_id, made.secret

    def _register(self, name: str, email: str, role: Role) -> None:
        made = self.app.run(self.accounts.register(email, PASSWORD, role=role, verified=True))
        assert made.user_id is not None
        self.ids[name] = made.user_id
        self._emails[name] = email

    _emails: dict[str, str] = field(default_factory=dict)

    def _page(self) -> Headers:
        answer = self.app.ask("GET", "/", {"Accept": "text/html"})
        cookie = answer.headers["set-cookie"].partition(";")[0]
        return {"Cookie": cookie, "Origin": "http://localhost"}

    def _ended(self) -> Headers:
        self.log_in("leaver")
        self.app.run(self.accounts.logout_everywhere(self.ids["leaver"]))
        return self.headers.pop("leaver")

    def _revoked(self) -> Headers:
        key_id, secret = self.app.run(self._issued("owner", [scopes.READ]))
        self.app.run(self.accounts.revoke_key(self.ids["owner"], key_id, self.ids["owner"]))
        return {"X-API-Key": secret}

    def _token_by(self, tokens: Tokens, at: dt.datetime | None = None) -> str:
        """A token of the administrator's open session, but for who signed it, and when."""
        said = self._claims()
        at = at or dt.datetime.now(dt.UTC)
        return tokens.issue(said["sub"], said["sid"], Role.ADMIN, at)

    def _expired(self) -> str:
        return self._token_by(
            self.services.tokens, dt.datetime.now(dt.UTC) - dt.timedelta(minutes=31)
        )

    def _for_others(self) -> str:
        """Rightly signed, for another audience."""
        said = {**self._claims(), "aud": "another-api"}
        return jwt.encode(said, self.services.tokens._signing[0], algorithm="HS256")

    def _claims(self) -> dict[str, Any]:
        """What the administrator's token says."""
        token = self.headers["admin"]["Authorization"].removeprefix("Bearer ")
        said: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        assert (said["aud"], said["iss"]) == (AUDIENCE, ISSUER)
        return said


def bearer(token: str) -> Headers:
    """A token as a header."""
    return {"Authorization": f"Bearer {token}"}


def accounts_of(services: Services) -> Accounts:
    """Accounts whose passwords are quick to hash, beside the application's."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return Accounts(
        services.accounts_pool,
        services.person_keys,
        services.tokens,
        passwords=Passwords(quick),
        changed=services.verifier.drop,
    )
