"""An account's life in memory: commands in, events kept."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from pydantic import TypeAdapter

from streams.decisions.decider import Refused, fold
from streams.decisions.store import Recorded
from streams.identity.account import IDENTITY
from streams.identity.commands import (
    AccountCommand,
    ChangePassword,
    DisableTwoFactor,
    EnableTwoFactor,
    EndSession,
    FailLogin,
    Forget,
    IssueKey,
    LinkProvider,
    LogIn,
    Register,
    Reinstate,
    RevokeKey,
    SetRole,
    SetTier,
    Suspend,
    VerifyEmail,
)
from streams.identity.events import AccountEvent
from streams.identity.roles import Role
from streams.identity.state import Account
from streams.identity.tiers import Tier

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
USER = "usr_ada"


def later(**time: float) -> dt.datetime:
    return NOW + dt.timedelta(**time)


@dataclass
class Story:
    """What was decided, one command after the other."""

    events: list[AccountEvent] = field(default_factory=list)

    @property
    def state(self) -> Account:
        return fold(IDENTITY, self.events, IDENTITY.initial)

    def decide(self, *commands: AccountCommand) -> list[AccountEvent]:
        """What followed from the last one."""
        made: list[AccountEvent] = []
        for command in commands:
            made = IDENTITY.decide(self.state, command)
            self.events += made
        return made

    def refused(self, command: AccountCommand) -> str:
        """The code with which a command is refused."""
        with pytest.raises(Refused) as caught:
            IDENTITY.decide(self.state, command)
        return caught.value.code


def registered(role: Role = Role.USER) -> Story:
    """A story of somebody whose address is verified."""
    story = Story()
    story.decide(Register(NOW, "~sealed", None, role), VerifyEmail(NOW))
    return story


def logged_in(session_id: str = "s1") -> Story:
    story = registered()
    story.decide(LogIn(NOW, session_id, "password"))
    return story


def whole_life() -> Story:
    """A story with every event in it."""
    story = Story()
    story.decide(Register(NOW, "~e", "~n"), VerifyEmail(NOW))
    story.decide(*[FailLogin(NOW, "password")] * 5)
    story.decide(ChangePassword(NOW, "reset"), LinkProvider(NOW, "google", vouched=False))
    story.decide(SetRole(NOW, USER, Role.CREATOR, "installation"))
    story.decide(SetTier(NOW, Tier.PRO, "installation"))
    story.decide(IssueKey(NOW, "k", "~n", frozenset({"publish:*"}), Tier.FREE, USER))
    story.decide(RevokeKey(NOW, "k", USER), LogIn(NOW, "s", "password"))
    story.decide(EndSession(NOW, "s", "reuse"), EnableTwoFactor(NOW, 10), DisableTwoFactor(NOW))
    story.decide(LogIn(NOW, "s2", "oidc"), Suspend(NOW, USER, "~r", "usr_admin"))
    story.decide(Reinstate(NOW, "usr_admin"), Forget(NOW, USER))
    return story


def recorded(events: Iterable[AccountEvent]) -> list[Recorded]:
    """A story as it stands in the store; each event an hour after the one before."""
    return [
        Recorded(
            position=version,
            domain=IDENTITY.domain,
            stream_id=USER,
            version=version,
            type=type(event).__name__,
            body=json.loads(TypeAdapter(type(event)).dump_json(event)),
            occurred_at=later(hours=version - 1),
            event_id=f"e{version}",
        )
        for version, event in enumerate(events, 1)
    ]
