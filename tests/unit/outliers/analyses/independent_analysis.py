"""An analysis as its description has it, naively: for comparison with what the run finds.

It shares no code with the run. Where it gets its facts from is the caller's: `Facts` are plain
dictionaries, made from the raw answers of a server or from a world of the test's own.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Protocol

RECENT = 15


class Facts(Protocol):
    def search(self, query: str) -> list[str]: ...

    def channel(self, name: str) -> dict[str, Any] | None:
        """id, title, subscribers, videos, topics (names); by id or handle."""

    def uploads(self, channel_id: str) -> list[tuple[str, dt.datetime]]:
        """All public ones that matter, newest first, with their times of publication."""

    def video(self, video_id: str) -> dict[str, Any] | None:
        """id, title, description, views, category."""


def word(text: str, wanted: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(wanted)}(?![a-z0-9])", text.lower()) is not None


def fit(title: str, description: str) -> float:
    points = 5.0
    funny = word(title, "funny")
    if funny or word(title, "moments"):
        points += 1
    if re.search(r"\b(reactions?|react(s|ed|ing)?)\b", title.lower()):
        points += 0.5
    if re.search(r"\b(family|families|kids?)\b", title.lower()):
        points += 1
    if sum(letter in "!?！？" for letter in title) >= 2:
        points += 0.5
    for one in re.findall(r"\w+", title):
        if one == one.upper() and sum(a != b for a, b in zip(one, one.lower(), strict=False)) >= 2:
            points += 0.5
            break
    if re.search(r"\b(adults?|mature)\b", title.lower()):
        points -= 2
    if word(title, "horror") and not funny:
        points -= 1
    if "18+" in description or word(description, "mature"):
        points -= 2
    return max(0.0, min(10.0, points))


def analysis(
    facts: Facts,
    *,
    now: dt.datetime,
    competitors: list[str],
    queries: list[str],
    games: dict[str, list[str]],
    min_subs: int,
    max_subs: int,
    window: int,
    threshold: float,
) -> dict[str, Any]:
    """What the description promises: results (video, score, fit) and the excluded games."""
    rivals = [one for one in map(facts.channel, competitors) if one is not None]
    excluded = set()
    for rival in rivals:
        for video_id, published in facts.uploads(rival["id"]):
            video = facts.video(video_id)
            if video is None or published < now - dt.timedelta(days=window):
                continue
            for game, phrases in games.items():
                if any(word(video["title"], phrase) for phrase in phrases):
                    excluded.add(game)
    seen = {rival["id"] for rival in rivals}
    kept = []
    scored = 0
    for query in queries:
        for channel_id in facts.search(query):
            channel = None if channel_id in seen else facts.channel(channel_id)
            seen.add(channel_id)
            if channel is None or channel["subscribers"] is None or channel["videos"] < 50:
                continue
            if not min_subs <= channel["subscribers"] <= max_subs:
                continue
            if any("music" in topic.lower() or topic == "Politics" for topic in channel["topics"]):
                continue
            recent = [facts.video(video) for video, _ in facts.uploads(channel_id)[:RECENT]]
            there = [video for video in recent if video is not None]
            boring = [video for video in there if video["category"] in ("10", "25")]
            if len(there) < 3 or len(boring) > len(there) / 2:
                continue
            scored += 1
            for video in there:
                phrases = [phrase for game in excluded for phrase in games[game]]
                if video["views"] is None or any(word(video["title"], one) for one in phrases):
                    continue
                score = video["views"] / channel["subscribers"] * 100
                suits = fit(video["title"], video["description"])
                if score > threshold and suits > 6:
                    kept.append((video["id"], score, suits))
    kept.sort(key=lambda one: one[0])
    kept.sort(key=lambda one: one[1], reverse=True)
    return {"results": kept[:50], "games": sorted(excluded), "scored": scored, "found": len(kept)}
