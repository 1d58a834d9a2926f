"""Nothing of a person can be read in log or tables; once forgotten, nobody can log in any more."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg import sql
from pydantic import SecretStr

from infra.forgetting import Forgotten, forget_person
from infra.settings import Settings
from schemas.catalogue import IDENTITY_EVENTS
from schemas.codec import Codec
from schemas.personal.keys import PersonKeys
from schemas.personal.sealed import is_sealed, reference_of
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.topic import Topic
from streams.decisions.publishing import publish_to
from streams.decisions.relay import Relay
from streams.identity.account import IDENTITY
from streams.identity.errors import LoginRefused, SessionOver, UnknownAccount
from streams.identity.relay import SEALED
from streams.identity.verifying import Denied
from tests.integration.identity.conftest import PASSWORD, PERSONS, Place, Play

NAME = "Augusta Ada King"
REASON = "wrote unkind letters to Babbage"
LAPTOP = "the Analytical Engine of Ada"


def tables_of(dsn: str) -> Iterator[str]:
    """Every row of every table, as text."""
    with psycopg.connect(dsn) as connection:
        for (name,) in connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall():
            query = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(name))
            for (row,) in connection.execute(query):
                yield row


def holders(texts: Iterator[str], *wanted: str) -> set[str]:
    """Which of those texts stand somewhere in plain, or, of bytes, as hexadecimal digits."""
    forms = {form: one for one in wanted for form in (one, one.encode().hex())}
    return {one for text in texts for form, one in forms.items() if form in text}


async def somebody(place: Place) -> tuple[str, str, list[str]]:
    """Address and id of a user about whom there is something of everything; his credentials."""
    accounts = place.accounts
    email = place.address()
    made = await accounts.register(email, PASSWORD, NAME)
    assert made.user_id is not None and made.verification_token is not None
    user_id = await accounts.verify_email(made.verification_token)
    with pytest.raises(LoginRefused):
        await accounts.login(email, "wrong password")
    await accounts.suspend(user_id, REASON, "installation")
    await accounts.reinstate(user_id, "installation")
    await accounts.link_provider(user_id, "idp", f"subject of {email}")
    key = await accounts.issue_key(user_id, LAPTOP, ["read:projection"], by=user_id)
    session = await accounts.login(email, PASSWORD)
    await accounts.begin_totp(user_id)
    assert await accounts.ask_reset(email) is not None
    return email, user_id, [key.secret, session.access_token, session.refresh_token]


async def assert_gone(place: Place, email: str, user_id: str, proofs: list[str]) -> None:
    key, access, refresh = proofs
    place.verifier.drop(user_id)  # `groundswell forget` is another process: after a second
    assert isinstance(await place.verifier.by_key(key), Denied)
    assert isinstance(await place.verifier.by_token(access), Denied)
    with pytest.raises(SessionOver):
        await place.accounts.refresh(refresh)
    with pytest.raises(LoginRefused):
        await place.accounts.login(email, PASSWORD)
    with pytest.raises(UnknownAccount):
        await place.accounts.account(user_id)
    assert await place.accounts.ask_reset(email) is None
    rows = " ".join(row for row in tables_of(place.dsn) if "usr_" in row)
    assert user_id in rows  # in the log, where it means nobody
    for table in ("users", "emails", "links", "passwords", "totp", "sessions", "tokens", "keys"):
        query = f"SELECT count(*) FROM identity_{table} WHERE user_id = %s"
        assert place.query(query, user_id) == [(0,)], table
    sealed = [v for _, body in place.told(user_id) for v in body.values() if is_sealed(str(v))]
    assert len(sealed) == 4  # address, name, reason, the key's name
    with PersonKeys(place.dsn, [PERSONS]) as keys:
        references = [reference for one in sealed if (reference := reference_of(one))]
        assert keys.by_reference(references) == {}


def test_nothing_personal_stands_anywhere_in_plain(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        email, user_id, proofs = await somebody(place)
        secrets = [proof[-30:] for proof in proofs]
        texts = (email, NAME, REASON, LAPTOP, PASSWORD, f"subject of {email}", *secrets)
        assert holders(tables_of(place.dsn), *texts, user_id) == {user_id}  # which is found

    play(scenario)


def test_a_person_who_is_forgotten_is_gone_and_may_come_back_as_somebody_new(
    play: Play[None],
) -> None:
    async def scenario(place: Place) -> None:
        email, user_id, proofs = await somebody(place)
        assert await place.accounts.forget(user_id, "usr_admin")
        key, access, _ = proofs  # at once in the same process
        assert isinstance(await place.verifier.by_key(key), Denied)
        assert isinstance(await place.verifier.by_token(access), Denied)
        await assert_gone(place, email, user_id, proofs)
        assert not await place.accounts.forget(user_id)
        assert not await place.accounts.forget("usr_nobody")
        _, again = await place.verified(email)
        assert again != user_id

    play(scenario)


@pytest.mark.parametrize("named_by", ["id", "sealed"])
def test_the_command_forgets_by_an_id_or_by_a_value_of_the_log(
    play: Play[None], tables: str, stack_settings: Settings, named_by: str
) -> None:
    settings = stack_settings.model_copy(
        update={"database_url": tables, "personal_data_secret": SecretStr(PERSONS)}
    )

    async def scenario(place: Place) -> None:
        email, user_id, proofs = await somebody(place)
        _, other = await place.verified()
        [(sealed,)] = place.query(
            "SELECT body->>'reason' FROM decision_events WHERE stream_id = %s AND"
            " type = 'Suspended'",
            user_id,
        )
        person = user_id if named_by == "id" else sealed
        done = await asyncio.to_thread(forget_person, settings, person)
        assert done == Forgotten(forgotten=True, jobs=0, account=True)
        await assert_gone(place, email, user_id, proofs)
        done = await asyncio.to_thread(forget_person, settings, person)
        assert done == Forgotten(forgotten=False, jobs=0, account=False)
        assert (await place.accounts.account(other)).name == "Ada"

    play(scenario)


def test_what_a_crash_left_undone_is_finished_by_forgetting_again(play: Play[None]) -> None:
    async def scenario(place: Place) -> None:
        _, user_id = await place.verified()
        person_keys = place.accounts._person_keys
        forget: Callable[[str], bool] = person_keys.forget
        person_keys.forget = _crash  # type: ignore[method-assign]
        with pytest.raises(OSError, match="power"):
            await place.accounts.forget(user_id)
        person_keys.forget = forget  # type: ignore[method-assign]
        assert await place.accounts.forget(user_id)
        assert not await place.accounts.forget(user_id)

    play(scenario)


def _crash(person: str) -> bool:
    raise OSError("the power is gone")


def test_the_topic_has_the_story_and_nothing_that_can_be_read(
    play: Play[None], stack_settings: Settings, unique: Callable[[str], str]
) -> None:
    kafka = stack_settings.kafka_config()
    topic = Topic(
        unique(IDENTITY_EVENTS.name), "user_id", "", 1, columnar=False, events=IDENTITY_EVENTS.name
    )
    admin = AdminClient(kafka)
    for made in admin.create_topics([NewTopic(topic.name, 1)]).values():
        made.result()
    codec = Codec(Registry(stack_settings.registry_config()))
    codec.registry.register(topic)

    async def scenario(place: Place) -> None:
        email, user_id, _ = await somebody(place)
        told = place.told(user_id)
        publisher = Publisher(kafka, codec, source="test", sealer=SEALED)
        relay = Relay(place.dsn, IDENTITY.domain, publish_to(publisher, topic))
        relaying = asyncio.create_task(relay.run())
        found = await asyncio.to_thread(_until, kafka, topic, codec, user_id, len(told))
        relaying.cancel()
        with suppress(asyncio.CancelledError):
            await relaying
        story = [event for _, event in found if event["user_id"] == user_id]
        assert [one["_type"] for one in story] == [kind for kind, _ in told]
        assert [one["version"] for one in story] == list(range(1, len(told) + 1))
        assert story[0]["email"] == told[0][1]["email"]
        assert isinstance(story[0]["occurred_at"], dt.datetime)
        plain = [email, NAME, REASON, LAPTOP, PASSWORD]
        raw = b"".join(value for value, _ in found)
        assert user_id.encode() in raw
        assert not [text for text in plain if text.encode() in raw]
        with PersonKeys(place.dsn, [PERSONS]) as keys:
            reference = reference_of(story[0]["email"])
            assert reference is not None
            assert len(keys.by_reference([reference])) == 1
            await place.accounts.forget(user_id)
            assert keys.by_reference([reference]) == {}

    try:
        play(scenario)
    finally:
        codec.registry.close()


def _until(
    kafka: dict[str, str], topic: Topic, codec: Codec, user_id: str, enough: int
) -> list[tuple[bytes, dict[str, Any]]]:
    """Records with their events, until there are so many of a user."""
    consumer = Consumer({**kafka, "group.id": topic.name})
    consumer.assign([TopicPartition(topic.name, 0, OFFSET_BEGINNING)])
    found: list[tuple[bytes, dict[str, Any]]] = []
    try:
        while sum(event["user_id"] == user_id for _, event in found) < enough:
            for message in consumer.consume(500, 0.2):
                value = message.value()
                if message.error() is None and value is not None:
                    found.append((value, codec.decode(topic, value, message.headers())))
    finally:
        consumer.close()
    return found
