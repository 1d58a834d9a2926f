"""By what a person names a channel: id, handle, or the address of its page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

from streams.outliers.youtube.errors import RefusedError

CHANNEL_ID = re.compile(r"UC[0-9A-Za-z_-]{22}")
_HOSTS = ("youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com")
_HELP = (
    "a channel is named by its id (UC and 22 characters), its handle (@name) or the address of "
    "its page (https://www.youtube.com/@name, /channel/UC..., /user/name)"
)


@dataclass(frozen=True, slots=True)
class Name:
    """How to ask the Data API for a channel.

    Attributes:
        by: the parameter of `channels.list`.
    """

    by: Literal["id", "forHandle", "forUsername"]
    value: str


def names(text: str) -> list[Name]:
    """What a text may mean, the likeliest first.

    Raises:
        RefusedError: it names no channel.
    """
    text = text.strip()
    if _is_address(text):
        return _of_address(text)
    return _of_word(text, text)


def _is_address(text: str) -> bool:
    return "/" in text


def _of_address(text: str) -> list[Name]:
    try:
        address = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        raise _no_channel(text) from None
    steps = [unquote(step) for step in address.path.split("/") if step]
    if address.scheme not in ("http", "https") or address.hostname not in _HOSTS or not steps:
        raise _no_channel(text)
    match steps:
        case ["channel", identity, *_] if CHANNEL_ID.fullmatch(identity):
            return [Name("id", identity)]
        case ["user", name, *_]:
            return [Name("forUsername", name)]
        case ["c", name, *_]:
            # Such names have no parameter of their own; most channels took theirs for a handle.
            return _of_word(name, text)
        case [handle, *_] if handle.startswith("@"):
            return _of_word(handle, text)
    raise _no_channel(text)


def _of_word(word: str, text: str) -> list[Name]:
    if CHANNEL_ID.fullmatch(word):
        return [Name("id", word)]
    bare = word.removeprefix("@")
    if not bare or len(bare) > 100 or any(one.isspace() or one in "@?#&=," for one in bare):
        raise _no_channel(text)
    handle = Name("forHandle", f"@{bare}")
    return [handle] if word.startswith("@") else [handle, Name("forUsername", bare)]


def _no_channel(text: str) -> RefusedError:
    return RefusedError(400, "invalidChannelName", f"{text[:200]!r} names no channel: {_HELP}")
