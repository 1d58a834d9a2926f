"""Prompts with places for facts: `{title} - {multiple:.1f}x the usual views`.

A place is a plain name and, for a number, how it is written. Nothing else that Python's formatting
could do is let through: no attributes, no indices, no conversions. What is filled in is never read
for places itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from streams.generation.policy.sources import Kind

TEXT_MAX = 200  # characters of a text that is filled in
UNKNOWN = "unknown"

# Of Python's format specifications, what numbers need. A precision needs its letter: whole numbers
# take none without.
_NUMBER = re.compile(r",?((\.\d)?[fg%])?")


class PromptError(ValueError):
    """A prompt has a place that cannot be filled."""


class Prompt:
    """A prompt to be filled.

    Args:
        kinds: of the fields that places may name.

    Attributes:
        names: of the fields that it uses.

    Raises:
        PromptError: it cannot be read, or names what is not there.
    """

    def __init__(self, text: str, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds
        try:
            self._parts = list(Formatter().parse(text))
        except ValueError as error:
            raise PromptError(f"{error}; a brace that is meant is written twice: {{{{") from None
        self.names = frozenset(name for _, name, _, _ in self._parts if name is not None)
        for _, name, spec, conversion in self._parts:
            if name is not None:
                self._check(name, spec or "", conversion)

    def _check(self, name: str, spec: str, conversion: str | None) -> None:
        if name not in self._kinds:
            raise PromptError(f"{{{name}}} cannot be filled; there are {', '.join(self._kinds)}")
        if conversion:
            raise PromptError(f"{{{name}!{conversion}}}: leave out !{conversion}")
        if spec and (self._kinds[name] != "number" or not _NUMBER.fullmatch(spec)):
            raise PromptError(f"{{{name}:{spec}}}: a number is written like {{multiple:.1f}}")

    def fill(self, row: Mapping[str, Any]) -> str:
        """The prompt for a video.

        Args:
            row: its fields; null is written as "unknown", a missing title as the video's id.
        """
        written = [
            literal if name is None else literal + self._written(name, spec or "", row)
            for literal, name, spec, _ in self._parts
        ]
        return "".join(written)

    def _written(self, name: str, spec: str, row: Mapping[str, Any]) -> str:
        value = row.get(name)
        if isinstance(value, str):
            value = " ".join(value.split())[:TEXT_MAX]
        if value is None or value == "":
            return f"video {row['video_id']}" if name == "title" else UNKNOWN
        if spec:
            return format(value, spec)
        return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
