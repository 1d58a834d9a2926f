"""Keys of persons that live in memory; the same person always has the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from schemas.personal.sealed import REFERENCE_BYTES, PersonKey


class MemoryKeys:
    """As `PersonKeys`, without a server. `asked` counts how often keys were asked for."""

    def __init__(self) -> None:
        self.forgotten: set[str] = set()
        self.asked = 0
        self._made: dict[bytes, tuple[str, PersonKey]] = {}

    def of(self, persons: Collection[str]) -> dict[str, PersonKey]:
        self.asked += 1
        assert len(set(persons)) == len(persons)
        keys = {person: self._key(person) for person in persons}
        self._made |= {key.reference: (person, key) for person, key in keys.items()}
        return keys

    def by_reference(self, references: Collection[bytes]) -> dict[bytes, PersonKey]:
        return {
            reference: self._made[reference][1]
            for reference in references
            if reference in self._made and self._made[reference][0] not in self.forgotten
        }

    @staticmethod
    def _key(person: str) -> PersonKey:
        digest = hashlib.sha512(person.encode()).digest()
        return PersonKey(digest[:REFERENCE_BYTES], digest[32:])
