"""Finding by words, and the orders of a search."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import log
from typing import NamedTuple, TypeVar

from infra.youtube_local.world import Channel, Video

_WORD = re.compile(r"\w+")

Listed = TypeVar("Listed", Channel, Video)


class Found(NamedTuple):
    """Something that matches, and how well."""

    published: dt.datetime
    score: float
    item: int


class Index:
    """Words and where they occur. Rare words weigh more (inverse document frequency)."""

    def __init__(self, texts: Iterable[tuple[int, str]]) -> None:
        self._places: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._texts = 0
        for item, text in texts:
            self._texts += 1
            for word in words(text):
                self._places[word][item] += 1

    def find(self, query: str) -> list[tuple[int, float]]:
        """Items with at least half of the words, and their scores, the best first.

        A word after `-` must not occur; those on either side of `|` do for each other.
        """
        unwanted = {word for part in re.findall(r"(?:^|\s)-(\w+)", query) for word in words(part)}
        wanted = [word for word in dict.fromkeys(words(query)) if word not in unwanted]
        scores: defaultdict[int, float] = defaultdict(float)
        matched: Counter[int] = Counter()
        for word in wanted:
            places = self._places.get(word, Counter[int]())
            weight = log(1 + self._texts / (1 + len(places)))
            for item, times in places.items():
                scores[item] += weight * (1 + log(times))
                matched[item] += 1
        needed = 1 if "|" in query else (len(wanted) + 1) // 2
        bad = {item for word in unwanted for item in self._places.get(word, ())}
        found = [
            (item, score)
            for item, score in scores.items()
            if matched[item] >= needed and item not in bad
        ]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))


def words(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return _WORD.findall(text.casefold())


def arranged(found: Sequence[Listed], order: str) -> list[Listed]:
    """In one of the orders that are not by relevance."""
    match order:
        case "title":
            return sorted(found, key=lambda one: one.title)
        case "viewCount":
            return sorted(found, key=lambda one: -(getattr(one, "views", 0) or 0))
        case _:
            return sorted(found, key=lambda one: one.published_at, reverse=True)
