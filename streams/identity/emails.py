"""E-mail addresses: one spelling of each."""

from __future__ import annotations

import re
import unicodedata

from streams.identity.errors import InvalidEmail

LONGEST = 254  # characters (RFC 5321)

_FORM = re.compile(
    r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\.]+(\.[^\s@<>,;:\"()\[\]\\.]+)*"
)


def folded(email: str) -> str:
    """The one spelling of an address (NFKC, no space around, case-folded), whether it is one."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


def checked(email: str) -> str:
    """The one spelling of what has the form of an address.

    Whether somebody reads it is for the verification e-mail to find out.

    Raises:
        InvalidEmail
    """
    found = folded(email)
    if len(found) > LONGEST or not found.isprintable() or _FORM.fullmatch(found) is None:
        raise InvalidEmail("this is no e-mail address: it has the form name@example.org")
    return found
