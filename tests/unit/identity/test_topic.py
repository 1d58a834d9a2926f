"""Every event fits the topic's schema, and is personal only where that says so."""

from __future__ import annotations

import json

import pytest
from fastavro import parse_schema
from fastavro.validation import validate
from pydantic import TypeAdapter

from schemas.catalogue import IDENTITY_EVENTS
from schemas.personal.errors import NoSealerError
from schemas.personal.sealed import PersonKey
from streams.decisions.publishing import event_of
from streams.decisions.store import Recorded
from streams.identity.account import IDENTITY
from streams.identity.commands import (
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
from streams.identity.desk import EMAIL
from streams.identity.relay import SEALED
from streams.identity.roles import Role
from streams.identity.tiers import Tier
from tests.unit.identity.stories import NOW, USER, Story

SCHEMAS = {record["name"]: parse_schema(record) for record in IDENTITY_EVENTS.records}


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


def test_every_event_of_an_account_fits_the_topic() -> None:
    events = whole_life().events
    assert {type(one) for one in events} == set(IDENTITY.events)
    for version, event in enumerate(events, 1):
        body = json.loads(TypeAdapter(type(event)).dump_json(event))
        row = Recorded(1, IDENTITY.domain, USER, version, type(event).__name__, body, NOW, "e")
        told = event_of(IDENTITY_EVENTS, row)
        assert told["user_id"] == USER
        assert validate(told, SCHEMAS[told.pop("_type")], strict=True)


def test_the_address_the_name_and_reasons_are_personal() -> None:
    assert IDENTITY_EVENTS.personal == dict.fromkeys(("email", "name", "reason"), "user_id")


def test_the_relay_passes_what_is_sealed_and_refuses_what_is_not() -> None:
    sealed = PersonKey(b"r" * 9, b"k" * 32).seal(EMAIL, "ada@example.org")
    record = {"_type": "UserRegistered", "user_id": USER, "email": sealed, "name": None}
    assert SEALED.records(IDENTITY_EVENTS, [record]) == [record]
    with pytest.raises(NoSealerError, match="in plain"):
        SEALED.records(IDENTITY_EVENTS, [{**record, "email": "ada@example.org"}])
