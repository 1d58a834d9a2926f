"""Copies: records that were refused, published to their topic again.

A copy has the key, the value and the headers of the record that it repeats. Its own headers say
which record that is, and for whom the copy is: for the components that refused the record, and for
nobody else. Whoever has used the record already passes the copy over, however much later it comes.

A component that keeps state is addressed together with that state's name. State that is built anew
reads the record itself again; copies for the state before it are not for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from schemas.chunks import RecordHeaders

PREFIX = "groundswell.redrive."
OF_HEADER = f"{PREFIX}of"
FOR_HEADER = f"{PREFIX}for"

_STATE = "@"

NOBODY = ""  # the address of a reader for whom no copy is


class Copy(NamedTuple):
    """What a copy says of itself.

    Attributes:
        of: the record that it repeats: `topic/partition/offset`.
        addresses: for whom it is.
    """

    of: str
    addresses: frozenset[str]

    def is_for(self, address: str) -> bool:
        """Whether a component is meant. One that is named without a state is meant with any."""
        return address in self.addresses or component_of(address) in self.addresses


def address_of(component: str, state: str = "") -> str:
    """Where a component is reached that keeps a state of that name; "" is one that keeps none."""
    return f"{component}{_STATE}{state}" if state else component


def component_of(address: str) -> str:
    """The component at an address."""
    return address.partition(_STATE)[0]


def copy_headers(
    own: RecordHeaders, of: str, addresses: Iterable[str]
) -> list[tuple[str, bytes | None]]:
    """Headers of the copy of a record that has these of its own.

    What a copy of a copy says of its first record is left out: the letter that led to it tells.
    """
    return [
        *((name, value) for name, value in own if not name.startswith(PREFIX)),
        (OF_HEADER, of.encode()),
        *((FOR_HEADER, address.encode()) for address in addresses),
    ]


def copy_of(headers: RecordHeaders) -> Copy | None:
    """What a record's headers say of a copy; None where it is none."""
    of = None
    addresses = set()
    for name, value in headers:
        if name == OF_HEADER and value is not None:
            of = value.decode(errors="replace")
        elif name == FOR_HEADER and value is not None:
            addresses.add(value.decode(errors="replace"))
    return None if of is None else Copy(of, frozenset(addresses))
