"""Ids and titles that look like a platform's and are nobody's."""

from __future__ import annotations

import numpy as np

from infra.simulator.scenario import Generator

_ALPHABET = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype=np.uint8
)

CATEGORIES = ("Gaming", "Music", "Education", "Cooking", "Travel", "Science", "Sports", "Comedy")
_TOPICS = {
    "Gaming": ("speedruns", "boss fights", "co-op chaos", "pixel farms", "secret levels"),
    "Music": ("street pianos", "loop stations", "one-take covers", "choirs", "modular synths"),
    "Education": ("black holes", "Roman roads", "prime numbers", "tide pools", "old maps"),
    "Cooking": ("sourdough", "noodles", "campfire stews", "flatbreads", "pickles"),
    "Travel": ("night trains", "mountain huts", "ferry routes", "street markets", "lighthouses"),
    "Science": ("magnets", "slime moulds", "telescopes", "weather balloons", "crystals"),
    "Sports": ("trick shots", "trail runs", "penalty kicks", "bouldering", "rowing"),
    "Comedy": ("office pranks", "bad puns", "family sketches", "pet voices", "impressions"),
}
_PATTERNS = (
    "I tried {} for 30 days",
    "Nobody talks about {}",
    "{}: the whole story",
    "Why {} got so good",
    "The quiet art of {}",
    "We ranked all the {}",
    "A beginner's guide to {}",
    "{} at 3 a.m.",
)
_CHANNELS = ("Daily {}", "The {} Club", "{} Lab", "Hello {}", "{} and Friends", "Studio {}")


def ids(generator: Generator, count: int, length: int, head: str = "") -> list[str]:
    """Distinct ids of `length` characters after `head`."""
    found: dict[str, None] = {}
    while len(found) < count:
        letters = _ALPHABET[generator.integers(0, 64, (count - len(found), length))]
        found |= dict.fromkeys(head + row.tobytes().decode() for row in letters)
    return list(found)


def channel_title(generator: Generator, category: str) -> str:
    """The name of a channel."""
    pattern = _CHANNELS[int(generator.integers(len(_CHANNELS)))]
    return pattern.format(_topic(generator, category).title())


def video(generator: Generator, category: str) -> tuple[str, list[str]]:
    """The title and tags of a video."""
    topic = _topic(generator, category)
    pattern = _PATTERNS[int(generator.integers(len(_PATTERNS)))]
    title = pattern.format(topic)
    return title[0].upper() + title[1:], [category.lower(), *topic.split()]


def _topic(generator: Generator, category: str) -> str:
    topics = _TOPICS[category]
    return topics[int(generator.integers(len(topics)))]
