"""Partial answers: the `fields` parameter, such as `items(id,snippet/title),nextPageToken`."""

from __future__ import annotations

import re
from typing import Any

from infra.youtube_local.errors import ApiError

_TOKEN = re.compile(r"[\w*$-]+|[(),/]")

Mask = dict[str, Any]  # a name and what is wanted of it; nothing more said is everything


def parse(text: str) -> Mask:
    """What is asked for.

    Raises:
        ApiError: it cannot be read.
    """
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text):
        raise _bad(text)
    mask, rest = _list(tokens, text)
    if rest:
        raise _bad(text)
    return mask


def only(value: Any, mask: Mask) -> Any:
    """The part of an answer that was asked for."""
    if not mask:
        return value
    if isinstance(value, list):
        return [only(one, mask) for one in value]
    if not isinstance(value, dict):
        return value
    if "*" in mask:
        return {name: only(one, mask["*"]) for name, one in value.items()}
    return {name: only(one, mask[name]) for name, one in value.items() if name in mask}


def _list(tokens: list[str], text: str) -> tuple[Mask, list[str]]:
    mask: Mask = {}
    while True:
        one, tokens = _path(tokens, text)
        _merge(mask, one)
        if not tokens or tokens[0] != ",":
            return mask, tokens
        tokens = tokens[1:]


def _path(tokens: list[str], text: str) -> tuple[Mask, list[str]]:
    if not tokens or tokens[0] in "(),/":
        raise _bad(text)
    name, tokens = tokens[0], tokens[1:]
    if tokens and tokens[0] == "/":
        below, tokens = _path(tokens[1:], text)
        return {name: below}, tokens
    if tokens and tokens[0] == "(":
        below, tokens = _list(tokens[1:], text)
        if not tokens or tokens[0] != ")":
            raise _bad(text)
        return {name: below}, tokens[1:]
    return {name: {}}, tokens


def _merge(into: Mask, more: Mask) -> None:
    for name, below in more.items():
        if name not in into:
            into[name] = below
        elif not below or not into[name]:
            into[name] = {}
        else:
            _merge(into[name], below)


def _bad(text: str) -> ApiError:
    return ApiError(
        400,
        "invalidParameter",
        f"Invalid field selection {text}",
        location="fields",
    )
