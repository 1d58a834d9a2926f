"""Looks for secrets where none may be."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote


@dataclass
class Needles:
    """Secrets by name, each in every form in which it could pass unseen, and where they stood.

    Attributes:
        seen: places in which a secret stood: (name of the secret, place).
        looked_at: bytes in which they were looked for, by kind of place.
    """

    secrets: dict[str, str]
    seen: set[tuple[str, str]] = field(default_factory=set)
    looked_at: dict[str, int] = field(default_factory=dict)

    def look(self, kind: str, found: Iterable[tuple[str, bytes | str]]) -> None:
        """Look through pairs of a place and what stands there."""
        forms = [(name, form) for name, text in self.secrets.items() for form in _forms(text)]
        self.looked_at.setdefault(kind, 0)
        for place, content in found:
            hay = content.encode(errors="replace") if isinstance(content, str) else content
            self.looked_at[kind] += len(hay)
            self.seen |= {(name, f"{kind} {place}") for name, form in forms if form in hay}


def _forms(text: str) -> set[bytes]:
    """As it is, in an address, in hexadecimal digits as tables show bytes, and in base64.

    In base64 the ends depend on the neighbours, wherever a secret begins: its middle is looked for.
    """
    raw = unquote(text).encode()
    encoded = {base64.b64encode(b" " * shift + raw)[4:-4] for shift in range(3)}
    return {text.encode(), raw, quote(text, safe="").encode(), raw.hex().encode(), *encoded}
