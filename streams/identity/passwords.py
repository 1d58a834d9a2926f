"""Passwords: hashed with Argon2id, a few at a time and beside the event loop."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from streams.identity.errors import PasswordRefused

LONGEST = 1000  # characters

T = TypeVar("T")


class Passwords:
    """Hashes and verifies.

    Args:
        hasher: its parameters; those of RFC 9106 for little memory (64 MiB, 3 passes) if None.
            Hashes of other parameters are made anew at the next login.
        at_once: how many are worked at; more wait, so that logins cannot take all memory.
    """

    def __init__(self, hasher: PasswordHasher | None = None, *, at_once: int | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(at_once or os.cpu_count() or 1, "passwords")
        self._nobody_s: str | None = None

    async def hash(self, password: str) -> str:
        """The hash of a password, with its salt and parameters."""
        return await self._worked(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, known: str | None, password: str) -> bool:
        """Whether the password has that hash; None is as much work, and False."""
        return await self._worked(lambda: self._verify(known, password))

    def outdated(self, known: str) -> bool:
        """Whether a hash has other parameters than new ones."""
        return self._hasher.check_needs_rehash(known)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)

    def _verify(self, known: str | None, password: str) -> bool:
        if self._nobody_s is None:
            self._nobody_s = self._hasher.hash(os.urandom(16))
        try:
            return self._hasher.verify(known or self._nobody_s, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _worked(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def check(password: str, shortest: int, email: str) -> None:
    """Whether a password can be used.

    Raises:
        PasswordRefused: it is too short, too long, or the address itself.
    """
    if len(password) < shortest:
        raise PasswordRefused(f"a password has at least {shortest} characters")
    if len(password) > LONGEST:
        raise PasswordRefused(f"a password has at most {LONGEST:,} characters")
    if email and password.casefold() in (email, email.partition("@")[0]):
        raise PasswordRefused("the e-mail address is no password")


def _bytes(password: str) -> bytes:
    # Keyboards spell the same letters in several ways; half a surrogate pair is a wrong password.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
