"""Step 1: which games the competitors' titles tell of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.outliers.content.phrases import has_any, plain
from streams.outliers.content.shapes import Content, GamePattern


def games(titles: Iterable[str], patterns: Sequence[GamePattern]) -> tuple[str, ...]:
    """The games of the titles, in alphabetical order."""
    found: set[str] = set()
    for title in map(plain, titles):
        found |= {one.name for one in patterns if has_any(title, one.phrases)}
    return tuple(sorted(found))


def phrases_of(excluded: Iterable[str], content: Content) -> tuple[str, ...]:
    """The phrases that no kept title has: those of excluded games, and those always excluded.

    A game without a pattern of its own is its own phrase.
    """
    by_name = {one.name: one.phrases for one in content.game_patterns}
    of_games = [phrase for name in excluded for phrase in by_name.get(name, (name,))]
    return (*of_games, *content.exclusion_patterns)
