"""Every event fits the topic's schema, and is personal only where that says so."""

from __future__ import annotations

import pytest
from fastavro import parse_schema
from fastavro.validation import validate

from schemas.catalogue import IDENTITY_EVENTS
from schemas.personal.errors import NoSealerError
from schemas.personal.sealed import PersonKey
from streams.decisions.publishing import event_of
from streams.identity.account import IDENTITY
from streams.identity.desk import EMAIL
from streams.identity.relay import SEALED
from tests.unit.identity.stories import USER, recorded, whole_life

SCHEMAS = {record["name"]: parse_schema(record) for record in IDENTITY_EVENTS.records}


def test_every_event_of_an_account_fits_the_topic() -> None:
    events = whole_life().events
    assert {type(one) for one in events} == set(IDENTITY.events)
    for row in recorded(events):
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
