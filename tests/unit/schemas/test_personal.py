"""Personal fields: sealed, equal where they were equal, opened only with the key and in place."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro_types import frame_schema
from schemas.catalogue import ENGAGEMENT, IDENTITY_EVENTS, TOPICS
from schemas.codec import Codec
from schemas.errors import InvalidEventError
from schemas.personal.errors import NoSealerError, TamperedError
from schemas.personal.opener import Opener
from schemas.personal.sealed import MARK, PersonKey, is_sealed, reference_of
from schemas.personal.sealer import Sealer
from schemas.publisher import Publisher
from schemas.topic import Topic
from tests.unit.schemas.fake_registry import FakeRegistry
from tests.unit.schemas.person_keys import MemoryKeys

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def event(number: int, viewer: str, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "occurred_at": NOW,
        "video_id": "v",
        "channel_id": "c",
        "viewer_id": viewer,
        "session_id": None,
        "kind": "view",
        "watch_ms": 1,
        "country": None,
        "device": None,
        "source": None,
        **fields,
    }


def framed(*events: dict[str, Any]) -> pl.DataFrame:
    return pl.from_dicts(list(events), schema=frame_schema(ENGAGEMENT.schema))


def publisher(keys: MemoryKeys | None) -> Publisher:
    schemas = dict(enumerate((topic.schema for topic in TOPICS.values()), 1))
    sealer = None if keys is None else Sealer(keys)
    codec = Codec(FakeRegistry(schemas))
    return Publisher({"bootstrap.servers": ""}, codec, source="test", sealer=sealer)


def accounts(folder: Path, **marks: str) -> Topic:
    """A topic whose records name a person and tell of him."""
    fields: list[dict[str, Any]] = [
        {"name": "event_id", "type": "string"},
        {"name": "user_id", "type": "string"},
        {"name": "email", "type": "string"},
        {"name": "name", "type": ["null", "string"], "default": None},
        {"name": "age", "type": "int", "default": 0},
    ]
    for field in fields:
        if field["name"] in marks:
            field["personal"] = marks[field["name"]]
    record = {"type": "record", "name": "Registered", "namespace": "test", "fields": fields}
    (folder / "accounts.v1.avsc").write_text(json.dumps(record))
    return Topic("accounts.v1", "user_id", "Accounts.", folder=folder)


@given(st.binary(min_size=32, max_size=32), TEXT)
def test_a_value_comes_back_and_nothing_of_it_shows(key: bytes, value: str) -> None:
    person = PersonKey(b"reference", key)
    sealed = person.seal(b"topic/field", value)
    assert person.open(b"topic/field", sealed) == value
    assert sealed == person.seal(b"topic/field", value)
    assert reference_of(sealed) == b"reference"
    assert is_sealed(sealed) and sealed.isascii()
    assert len(sealed) <= len(MARK) + (9 + 12 + len(value.encode()) + 16) * 4 / 3 + 1


def test_different_values_persons_and_places_seal_differently() -> None:
    one, other = PersonKey(b"reference", bytes(32)), PersonKey(b"reference", bytes([1] * 32))
    sealed = {
        one.seal(b"t/a", "x"),
        one.seal(b"t/a", "y"),
        one.seal(b"t/b", "x"),
        other.seal(b"t/a", "x"),
    }
    assert len({text[14:30] for text in sealed}) == 4  # not even a nonce is shared


@pytest.mark.parametrize("place", [5, 20, 40, -1])
def test_a_changed_value_is_told(place: int) -> None:
    key = PersonKey(b"reference", bytes(32))
    sealed = key.seal(b"t/f", "u1234")
    position = place % len(sealed)
    changed = sealed[:position] + ("A" if sealed[position] != "A" else "B") + sealed[position + 1 :]
    if reference_of(changed) == b"reference":
        with pytest.raises(TamperedError):
            key.open(b"t/f", changed)
    for text in (sealed[:-3], sealed + "A", sealed + "AAAA"):
        with pytest.raises(TamperedError):
            key.open(b"t/f", text)
    with pytest.raises(TamperedError, match="another place"):
        key.open(b"t/other", sealed)


def test_text_that_only_looks_like_a_sealed_value_is_sealed() -> None:
    for plain in ("~1", "~1short", "~1" + "!" * 60, "~2" + "A" * 60, "u" * 80):
        assert not is_sealed(plain)
        [sealed] = Sealer(MemoryKeys()).records(ENGAGEMENT, [event(1, plain)])
        assert isinstance(sealed, dict) and is_sealed(sealed["viewer_id"])


def test_the_catalogue_knows_what_is_personal_and_nothing_else_is() -> None:
    assert ENGAGEMENT.personal == {"viewer_id": "viewer_id", "session_id": "viewer_id"}
    assert IDENTITY_EVENTS.personal == dict.fromkeys(("email", "name", "reason"), "user_id")
    found = [topic for topic in TOPICS.values() if topic.personal]
    assert found == [ENGAGEMENT, IDENTITY_EVENTS]


def test_any_schema_can_mark_fields_and_name_whose_they_are(tmp_path: Path) -> None:
    topic = accounts(tmp_path, email="user_id", name="user_id")
    keys = MemoryKeys()
    records = [
        {"event_id": "1", "user_id": "u1", "email": "a@b.example", "name": "Ada", "age": 3},
        {"event_id": "2", "user_id": "u2", "email": "a@b.example", "name": None, "age": 3},
    ]
    one, two = Sealer(keys).records(topic, records)
    assert isinstance(one, dict) and isinstance(two, dict)
    assert one["user_id"] == "u1" and one["age"] == 3 and two["name"] is None
    assert is_sealed(one["email"]) and is_sealed(one["name"])
    assert one["email"] != two["email"]  # equal of one person, not across persons
    framed, wrong = Sealer(keys).frame(topic, pl.from_dicts(records))
    assert framed.to_dicts() == [one, two] and not wrong
    opened = Opener(keys, topic)(framed)
    assert opened.to_dicts() == records


@pytest.mark.parametrize(
    ("marks", "says"),
    [
        ({"email": "nobody"}, "no field"),
        ({"age": "user_id"}, "must be a string"),
        ({"user_id": "user_id"}, "stays in plain"),
        ({"event_id": "user_id"}, "stays in plain"),
    ],
)
def test_a_mark_that_cannot_be_kept_is_refused(
    tmp_path: Path, marks: dict[str, str], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        _ = accounts(tmp_path, **marks).personal


VIEWERS = st.sampled_from(["u1", "u2", "grüße", "~1x", "", "x" * 100])


@given(st.lists(st.tuples(VIEWERS, st.none() | VIEWERS), min_size=1, max_size=30))
def test_frames_and_records_are_sealed_alike(rows: list[tuple[str, str | None]]) -> None:
    events = [event(n, viewer, session_id=visit) for n, (viewer, visit) in enumerate(rows)]
    sealer = Sealer(MemoryKeys())
    records = sealer.records(ENGAGEMENT, events)
    frame, wrong = sealer.frame(ENGAGEMENT, framed(*events))
    for row, (record, (viewer, visit)) in enumerate(zip(records, rows, strict=True)):
        if isinstance(record, InvalidEventError):
            assert str(wrong[row]) == str(record)
            assert not viewer and visit
            assert frame["session_id"][row] is None
        else:
            assert row not in wrong
            assert frame.row(row, named=True) == record
            assert is_sealed(record["viewer_id"]) == bool(viewer)


def test_what_is_sealed_already_passes_as_it_is() -> None:
    sealer = Sealer(MemoryKeys())
    once, _ = sealer.frame(ENGAGEMENT, framed(event(1, "u1", session_id="s"), event(2, "u2")))
    twice, wrong = sealer.frame(ENGAGEMENT, once)
    assert twice.equals(once) and not wrong
    assert sealer.records(ENGAGEMENT, once.to_dicts()) == once.to_dicts()


def test_a_plain_value_beside_a_sealed_person_is_refused() -> None:
    sealer = Sealer(MemoryKeys())
    [sealed] = sealer.records(ENGAGEMENT, [event(1, "u1")])
    assert isinstance(sealed, dict)
    mixed = {**sealed, "session_id": "plain"}
    [refused] = sealer.records(ENGAGEMENT, [mixed])
    assert isinstance(refused, InvalidEventError)
    _, wrong = sealer.frame(ENGAGEMENT, framed(mixed))
    assert "viewer_id does not name whose it is" in str(wrong[0]) == str(refused)


def test_keys_are_asked_for_once_a_batch() -> None:
    keys = MemoryKeys()
    Sealer(keys).frame(ENGAGEMENT, framed(*(event(n, f"u{n % 7}") for n in range(1000))))
    Sealer(keys).records(ENGAGEMENT, [event(n, f"u{n % 7}") for n in range(1000)])
    assert keys.asked == 2


def test_the_forgotten_become_null_and_are_told_from_the_tampered() -> None:
    keys = MemoryKeys()
    frame, _ = Sealer(keys).frame(
        ENGAGEMENT, framed(*(event(n, f"u{n % 3}", session_id=f"s{n}") for n in range(9)))
    )
    bent = frame.with_columns(
        viewer_id=pl.when(pl.int_range(pl.len()) == 2)
        .then(pl.col("viewer_id").str.slice(0, 40) + "AAAA" + pl.col("viewer_id").str.slice(44))
        .otherwise("viewer_id")
    )
    keys.forgotten.add("u1")
    opener = Opener(keys, ENGAGEMENT)
    opened = opener(bent)
    assert opened["viewer_id"].to_list() == ["u0", None, None, "u0", None, "u2", "u0", None, "u2"]
    assert opened["session_id"].to_list() == [None if n % 3 == 1 else f"s{n}" for n in range(9)]
    assert (opener.forgotten, opener.tampered) == (6, 1)
    opener(bent.select("viewer_id", "kind"))  # not every column was decoded
    assert (opener.forgotten, opener.tampered) == (9, 2)


def test_plain_values_of_other_producers_stay_when_opened() -> None:
    opener = Opener(MemoryKeys(), ENGAGEMENT)
    frame = framed(event(1, "u1", session_id="s1"), event(2, "u2"))
    assert opener(frame).equals(frame)
    assert opener(frame.clear()).equals(frame.clear())


def test_a_publisher_without_keys_refuses_what_is_personal() -> None:
    for attempt in (
        lambda: publisher(None).check(ENGAGEMENT, [event(1, "u1")]),
        lambda: publisher(None).check_frame(ENGAGEMENT, framed(event(1, "u1"))),
        lambda: publisher(None).publish(ENGAGEMENT, event(1, "u1")),
    ):
        with pytest.raises(NoSealerError, match="viewer_id"):
            attempt()


def test_checked_events_are_sealed_whichever_way_they_came() -> None:
    ours = publisher(MemoryKeys())
    events = [event(n, f"viewer-{n % 2}", session_id=f"visit-{n}") for n in range(4)]
    bodies = ours.check(ENGAGEMENT, events)
    assert ours.check_frame(ENGAGEMENT, framed(*events)) == bodies
    for number, body in enumerate(bodies):
        assert isinstance(body, bytes)
        assert b"viewer-" not in body and b"visit-" not in body
        found = ours.codec.decode(ENGAGEMENT, body)
        assert {**found, "viewer_id": "", "session_id": ""} == {
            **events[number],
            "viewer_id": "",
            "session_id": "",
        }


def test_a_frame_with_wrong_rows_is_judged_row_by_row() -> None:
    ours = publisher(MemoryKeys())
    events = [
        event(0, "u"),
        event(1, "u", watch_ms=-1),
        event(2, "", session_id="s"),
        event(3, "u", video_id=None),
        event(4, "u", session_id="s"),
    ]
    for part, good in (
        (events[:3], [True, False, False]),
        (events, [True, False, False, False, True]),
    ):
        outcomes = ours.check_frame(ENGAGEMENT, framed(*part))
        assert [isinstance(outcome, bytes) for outcome in outcomes] == good
        assert "below zero" in str(outcomes[1])
        assert "whose it is" in str(outcomes[2])
    wide = framed(*events[:1]).with_columns(pl.lit(2**40).alias("watch_ms"))
    [too_large] = ours.check_frame(ENGAGEMENT, wide)
    assert isinstance(too_large, InvalidEventError) and too_large.path == "watch_ms"
    assert ours.check_frame(ENGAGEMENT, framed(*events).clear()) == []


def test_values_that_are_no_text_are_left_to_the_codec() -> None:
    [outcome] = publisher(MemoryKeys()).check(ENGAGEMENT, [event(1, "u", viewer_id=5)])
    assert isinstance(outcome, InvalidEventError) and outcome.path == "viewer_id"
    [outcome] = publisher(MemoryKeys()).check(ENGAGEMENT, [event(1, "u\ud800")])
    assert isinstance(outcome, InvalidEventError)
