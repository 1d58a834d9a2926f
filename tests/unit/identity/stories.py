"""An account's life in memory: commands in, events kept."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import pytest

from streams.decisions.decider import Refused, fold
from streams.identity.account import IDENTITY
from streams.identity.commands import AccountCommand, LogIn, Register, VerifyEmail
from streams.identity.events import AccountEvent
from streams.identity.roles import Role
from streams.identity.state import Account

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
