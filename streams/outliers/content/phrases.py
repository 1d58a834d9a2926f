"""Words and phrases in titles: whole ones, in every script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'"})
_BLANKS = re.compile(r"\s+")

# Scripts that write no blanks between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese. There a
# neighbour says nothing about where a word ends.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


def plain(text: str) -> str:
    """The text in the form in which phrases are looked for.

    Compatibility characters are resolved (NFKC), so that letters drawn bold or wide are letters;
    case is folded; any run of blanks is one.
    """
    return _BLANKS.sub(" ", readable(text).casefold()).strip()


def readable(text: str) -> str:
    """The text with compatibility characters resolved and one kind of apostrophe; its case kept."""
    return unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)


def has(text: str, phrase: str) -> bool:
    """Whether the phrase stands in the text as whole words: `doors` is not in `indoors`.

    Args:
        text: as `plain` makes it.
        phrase: likewise; never empty.
    """
    start = text.find(phrase)
    while start >= 0:
        end = start + len(phrase)
        if not (_joined(text[start - 1 : start], phrase[0]) or _joined(phrase[-1], text[end:][:1])):
            return True
        start = text.find(phrase, start + 1)
    return False


def has_any(text: str, phrases: Iterable[str]) -> bool:
    """Whether one of the phrases, as they were written, stands in the text that `plain` made."""
    return any(has(text, _sought(phrase)) for phrase in phrases)


# Room for the phrases of several contents at once (shapes.TOTAL_MOST each), so that runs side by
# side do not drive out each other's: each phrase is made plain once, not once for every title.
@lru_cache(maxsize=50_000)
def _sought(phrase: str) -> str:
    return plain(phrase)


def _joined(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word."""
    return _of_word(left) and _of_word(right)


def _of_word(letter: str) -> bool:
    if not letter or unicodedata.category(letter)[0] not in "LNM":
        return False
    code = ord(letter)
    return not any(first <= code <= last for first, last in _UNSPACED)
