"""What others have written, in a form that the store, the log and a spreadsheet can hold."""

from __future__ import annotations

import unicodedata


def storable(title: str) -> str:
    """The text without control characters and halves of surrogate pairs, in their place a blank.

    PostgreSQL holds no NUL and UTF-8 no half of a pair; neither is anything that is shown.
    """
    return "".join(
        " " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in title
    ).strip()
