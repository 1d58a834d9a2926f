"""The keys of persons: a table in PostgreSQL, sealed under the secret of the installation.

A person's id is not in the table: a keyed hash of it finds the row. Deleting the row is what
forgetting a person is.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Self, TypeVar

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.personal.errors import TamperedError, WrongSecretError
from schemas.personal.sealed import (
    KEY_BYTES,
    NONCE_BYTES,
    REFERENCE_BYTES,
    PersonKey,
    reference_of,
    subkey,
)
from schemas.sql import beside

CACHE_SECONDS = 10.0  # for so long another process may seal with a key that was forgotten
CACHED_KEYS = 50_000

_LOOKUP_BYTES = 16
_AT_ONCE = 20_000  # rows of one statement
_CONNECT_TIMEOUT = 3  # seconds
_STATEMENT_MS = 30_000
_SQL = beside(__file__)

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]


class PersonKeys:
    """Finds, makes and deletes keys. Safe between threads; connects when first asked.

    Args:
        secrets: that of the installation; after it those that it replaced, if any. Keys that are
            found under one of these are sealed under the first one from then on.
        cache_seconds: how long a key may be used without looking whether it is still there.

    Every method raises:
        WrongSecretError: the table was sealed under another secret.
        TamperedError: a row is not as it was written.
        psycopg.OperationalError: PostgreSQL is away.
    """

    def __init__(
        self, dsn: str, secrets: Sequence[str], *, cache_seconds: float = CACHE_SECONDS
    ) -> None:
        self._dsn = dsn
        self._secrets = secrets
        self._lock = threading.Lock()
        self._open: Connection | None = None
        self._root: _Root | None = None
        self._known = _Known(cache_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection and of every key."""
        with self._lock:
            self._known.clear()
            self._disconnect()

    def of(self, persons: Collection[str]) -> dict[str, PersonKey]:
        """The key of each person, made where there is none. A key is on disk before it is used.

        Args:
            persons: ids, each once.
        """
        with self._lock:
            found = self._known.of(persons)
            missing = [person for person in persons if person not in found]
            for part in _parts(missing):
                made = self._asked(partial(_of, persons=part))
                found |= made
                self._known.add(made)
        return found

    def by_reference(self, references: Collection[bytes]) -> dict[bytes, PersonKey]:
        """The keys that are still there, by their references; never from the cache."""
        found: dict[bytes, PersonKey] = {}
        with self._lock:
            for part in _parts(list(references)):
                rows = self._asked(partial(_rows, statement="by_reference", references=part))
                found |= {key.reference: key for key in rows.values()}
        return found

    def forget(self, person: str) -> bool:
        """Delete the key of a person: what was sealed with it cannot be read again.

        Args:
            person: the id, or a value that was sealed for the person.

        Returns:
            Whether there was one.
        """
        with self._lock:
            self._known.clear()
            return self._asked(partial(_forget, person=person))

    def derived(self, purpose: bytes) -> bytes:
        """A key of the installation for one purpose; another secret does not change it."""
        with self._lock:
            return self._asked(lambda _, root: root.derived(purpose))

    def _asked(self, question: Callable[[Connection, _Root], T]) -> T:
        """An answer of PostgreSQL; a connection of before its restart is replaced once."""
        for attempt in (1, 2):
            fresh = self._open is None
            try:
                connection = self._connection()
                if self._root is None:
                    self._root = _unsealed_root(connection, self._secrets)
                return question(connection, self._root)
            except psycopg.OperationalError:
                broken = self._open is not None and self._open.broken
                if self._open is None or broken:
                    self._disconnect()
                if attempt == 2 or fresh or not broken:
                    raise
        raise AssertionError("unreachable")

    def _connection(self) -> Connection:
        if self._open is None:
            self._open = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=_CONNECT_TIMEOUT,
                application_name="groundswell person keys",
                # A key that a crash of the server takes away takes its events with it.
                options=f"-c synchronous_commit=on -c statement_timeout={_STATEMENT_MS}",
            )
        return self._open

    def _disconnect(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


class _Known:
    """Keys that need not be asked for again yet, each with the end of that.

    A plain dict, emptied when it is full: an event looks here, and a cache that orders its entries
    would cost an event more than its encoding.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._keys: dict[str, tuple[float, PersonKey]] = {}

    def of(self, persons: Collection[str]) -> dict[str, PersonKey]:
        """Those that are known."""
        now, get = time.monotonic(), self._keys.get
        return {person: found[1] for person in persons if (found := get(person)) and found[0] > now}

    def add(self, keys: dict[str, PersonKey]) -> None:
        """Know these for a while."""
        if len(self._keys) + len(keys) > CACHED_KEYS:
            self._keys.clear()
        until = time.monotonic() + self._seconds
        self._keys |= {person: (until, key) for person, key in keys.items()}

    def clear(self) -> None:
        """Know none."""
        self._keys.clear()


class _Root:
    """What lookups and the sealing of keys come from."""

    def __init__(self, root: bytes) -> None:
        self._lookups = subkey(root, b"lookups")
        self._cipher = AESGCM(subkey(root, b"keys"))
        self._purposes = subkey(root, b"purposes")

    def derived(self, purpose: bytes) -> bytes:
        """A key for one purpose."""
        return subkey(self._purposes, purpose)

    def lookup(self, person: str) -> bytes:
        """What a person's row is found by."""
        return subkey(self._lookups, person.encode())[:_LOOKUP_BYTES]

    def sealed(self, lookup: bytes, nonce: bytes, key: PersonKey) -> bytes:
        """A key as its row has it."""
        return nonce + self._cipher.encrypt(nonce, key.key, key.reference + lookup)

    def opened(self, lookup: bytes, reference: bytes, sealed: bytes) -> PersonKey:
        """The key of a row."""
        try:
            nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            return PersonKey(reference, self._cipher.decrypt(nonce, text, reference + lookup))
        except (InvalidTag, ValueError):
            raise TamperedError(
                f"the key with reference {reference.hex()} was changed in the table person_keys"
            ) from None


def _parts(values: list[T]) -> Iterator[list[T]]:
    for at in range(0, len(values), _AT_ONCE):
        yield values[at : at + _AT_ONCE]


def _of(connection: Connection, root: _Root, persons: Sequence[str]) -> dict[str, PersonKey]:
    """Keys of persons, those that are missing made by us or by whoever is faster."""
    by_lookup = {root.lookup(person): person for person in persons}
    found = _rows(connection, root, "by_lookup", lookups=list(by_lookup))
    while missing := sorted(by_lookup.keys() - found.keys()):
        made = _made(root, missing)
        columns = {
            "lookups": missing,
            "references": [key.reference for key, _ in made.values()],
            "keys": [sealed for _, sealed in made.values()],
        }
        if connection.execute(_SQL["add"], columns).rowcount == len(missing):
            found |= {lookup: key for lookup, (key, _) in made.items()}
        else:
            found |= _rows(connection, root, "by_lookup", lookups=missing)
    return {by_lookup[lookup]: key for lookup, key in found.items()}


def _made(root: _Root, lookups: Iterable[bytes]) -> dict[bytes, tuple[PersonKey, bytes]]:
    """New keys, and how their rows have them."""
    made = {}
    for lookup in lookups:
        random = os.urandom(REFERENCE_BYTES + KEY_BYTES + NONCE_BYTES)
        reference, rest = random[:REFERENCE_BYTES], random[REFERENCE_BYTES:]
        key = PersonKey(reference, rest[:KEY_BYTES])
        made[lookup] = key, root.sealed(lookup, rest[KEY_BYTES:], key)
    return made


def _rows(
    connection: Connection, root: _Root, statement: str, **values: list[bytes]
) -> dict[bytes, PersonKey]:
    """Keys by lookup."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(_SQL[statement], values)
        return {
            bytes(lookup): root.opened(bytes(lookup), bytes(reference), bytes(sealed))
            for lookup, reference, sealed in cursor
        }


def _forget(connection: Connection, root: _Root, person: str) -> bool:
    reference = reference_of(person)
    if reference is None:
        deleted = connection.execute(_SQL["forget"], {"lookup": root.lookup(person)})
    else:
        deleted = connection.execute(_SQL["forget_reference"], {"reference": reference})
    return deleted.rowcount > 0


def _unsealed_root(connection: Connection, secrets: Sequence[str]) -> _Root:
    """The root, made where there is none; sealed under the first secret when this returns."""
    with connection.transaction():
        connection.execute(_SQL["lock"])
        connection.execute(_SQL["tables"])
        row = connection.execute(_SQL["root"], binary=True).fetchone()
        if row is None:
            root = os.urandom(KEY_BYTES)
            connection.execute(_SQL["set_root"], {"sealed_root": _wrapped(root, secrets[0])})
            return _Root(root)
        for place, secret in enumerate(secrets):
            try:
                root = _wrapper(secret).decrypt(row[0][:NONCE_BYTES], row[0][NONCE_BYTES:], b"root")
            except InvalidTag:
                continue
            if place:
                connection.execute(_SQL["set_root"], {"sealed_root": _wrapped(root, secrets[0])})
            return _Root(root)
    raise WrongSecretError(
        "PERSONAL_DATA_SECRET is not the one that the keys of persons in this database are sealed "
        "with: set that one (see docs/privacy.md)"
    )


def _wrapped(root: bytes, secret: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _wrapper(secret).encrypt(nonce, root, b"root")


def _wrapper(secret: str) -> AESGCM:
    derived = HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"groundswell person_root 1")
    return AESGCM(derived.derive(secret.encode()))
