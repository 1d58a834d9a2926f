"""The table of keys: made once, found again, sealed under one secret, deleted for good."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from schemas.personal.errors import TamperedError, WrongSecretError
from schemas.personal.keys import PersonKeys

SECRET = "the secret of this installation, long enough"
PLACE = b"topic/field"


@pytest.fixture
def keys(database: str) -> Iterator[PersonKeys]:
    with PersonKeys(database, [SECRET]) as found:
        yield found


def changed(database: str, statement: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(statement.encode())


def rows(database: str) -> list[tuple[bytes, bytes, bytes]]:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT reference, lookup, sealed_key FROM person_keys"
        ).fetchall()


def test_a_person_has_one_key_and_every_process_finds_it(database: str, keys: PersonKeys) -> None:
    mine = keys.of(["a", "b"])
    assert mine["a"].key != mine["b"].key
    with PersonKeys(database, [SECRET]) as others:
        theirs = others.of(["b", "c", "a"])
        found = others.by_reference([mine["a"].reference, b"nobody's"])
    assert {name: theirs[name].key for name in mine} == {n: key.key for n, key in mine.items()}
    assert [key.key for key in found.values()] == [mine["a"].key]
    assert len(rows(database)) == 3


def test_each_purpose_has_a_key_that_outlives_the_secret(database: str, keys: PersonKeys) -> None:
    mine = keys.derived(b"mail")
    assert len(mine) == 32
    assert keys.derived(b"post") != mine
    with PersonKeys(database, ["another secret, which is long enough too", SECRET]) as changed_to:
        assert changed_to.derived(b"mail") == mine


def test_batches_of_any_size_are_asked_for_at_once(keys: PersonKeys) -> None:
    persons = [f"person {number}" for number in range(45_000)]
    made = keys.of(persons)
    assert len({key.reference for key in made.values()}) == len(persons)
    found = keys.by_reference([key.reference for key in made.values()])
    assert all(found[key.reference].key == key.key for key in made.values())


def test_the_table_tells_neither_ids_nor_keys(database: str, keys: PersonKeys) -> None:
    made = keys.of(["somebody@example.org"])["somebody@example.org"]
    [row] = rows(database)
    text = b"".join(bytes(part) for part in row)
    assert b"somebody" not in text
    assert made.key not in text


def test_two_processes_that_meet_the_same_people_agree_on_their_keys(database: str) -> None:
    persons = [f"p{number}" for number in range(3_000)]

    def met(turn: int) -> dict[str, bytes]:
        order = persons if turn % 2 else persons[::-1]
        with PersonKeys(database, [SECRET]) as own:
            return {person: key.key for person, key in own.of(order).items()}

    with ThreadPoolExecutor(6) as pool:
        first, *others = pool.map(met, range(6))
    assert len(first) == len(persons)
    assert all(other == first for other in others)


def test_a_forgotten_person_is_unreadable_and_somebody_new_afterwards(
    database: str, keys: PersonKeys
) -> None:
    before = keys.of(["a", "b"])
    sealed = before["a"].seal(PLACE, "a")
    assert keys.forget("a") is True
    assert keys.forget("a") is False
    assert set(keys.by_reference([key.reference for key in before.values()])) == {
        before["b"].reference
    }
    after = keys.of(["a"])["a"]
    assert after.reference != before["a"].reference
    assert after.seal(PLACE, "a") != sealed
    with pytest.raises(TamperedError):
        after.open(PLACE, sealed)


def test_a_person_can_be_forgotten_by_a_sealed_value(keys: PersonKeys) -> None:
    sealed = keys.of(["a"])["a"].seal(PLACE, "whatever")
    assert keys.forget(sealed) is True
    assert keys.forget(sealed) is False


def test_another_process_seals_with_a_forgotten_key_no_longer_than_it_remembers(
    database: str, keys: PersonKeys
) -> None:
    with (
        PersonKeys(database, [SECRET], cache_seconds=0.0) as forgetful,
        PersonKeys(database, [SECRET], cache_seconds=600.0) as remembering,
    ):
        old = remembering.of(["a"])["a"].reference
        assert forgetful.of(["a"])["a"].reference == old
        keys.forget("a")
        new = forgetful.of(["a"])["a"].reference
        assert new != old
        assert remembering.of(["a"])["a"].reference == old
        assert list(keys.by_reference([old, new])) == [new]


def test_with_another_secret_nothing_is_sealed_nor_forgotten(
    database: str, keys: PersonKeys
) -> None:
    keys.of(["a"])
    with PersonKeys(database, ["another secret, which is not the one"]) as wrong:
        for attempt in (lambda: wrong.of(["a"]), lambda: wrong.forget("a")):
            with pytest.raises(WrongSecretError, match="PERSONAL_DATA_SECRET is not the one"):
                attempt()
    assert len(rows(database)) == 1


def test_a_new_secret_takes_over_when_it_is_told_the_old_one(
    database: str, keys: PersonKeys
) -> None:
    made = keys.of(["a"])["a"]
    new = "a new secret, for the old one has got about"
    with PersonKeys(database, [new, SECRET]) as rotating:
        assert rotating.of(["a"])["a"].key == made.key
    with PersonKeys(database, [new]) as alone:
        assert alone.of(["a"])["a"].key == made.key
    with PersonKeys(database, [SECRET]) as old, pytest.raises(WrongSecretError):
        old.of(["a"])
    assert keys.of(["b"])  # a process that runs on is not disturbed


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE person_keys SET sealed_key ="
        " set_byte(sealed_key, 20, 255 - get_byte(sealed_key, 20))",
        "UPDATE person_keys SET sealed_key = ''",
        # the key of one person under the name of another
        "UPDATE person_keys AS p SET sealed_key = o.sealed_key FROM person_keys AS o"
        " WHERE o.lookup <> p.lookup",
    ],
)
def test_a_changed_key_is_told_from_a_forgotten_one(database: str, change: str) -> None:
    with PersonKeys(database, [SECRET], cache_seconds=0.0) as keys:
        references = [key.reference for key in keys.of(["a", "b"]).values()]
        changed(database, change)
        with pytest.raises(TamperedError, match="person_keys"):
            keys.of(["a", "b"])
        with pytest.raises(TamperedError, match="person_keys"):
            keys.by_reference(references)


def test_a_connection_that_was_cut_is_made_again(database: str, keys: PersonKeys) -> None:
    made = keys.of(["a"])["a"]
    changed(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'groundswell person keys' AND datname = current_database()",
    )
    assert keys.by_reference([made.reference])[made.reference].key == made.key


def test_a_server_that_is_away_is_said() -> None:
    with PersonKeys("postgresql://127.0.0.1:1/none", [SECRET]) as keys:
        for _ in range(2):
            with pytest.raises(psycopg.OperationalError):
                keys.of(["a"])
