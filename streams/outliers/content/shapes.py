"""The configurable content and the rules that it keeps.

Field names are snake_case in the log and camelCase where the API shows them; both are understood.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from schemas.given import NUMBER, Real, Whole
from streams.outliers.content.phrases import plain

QUERIES_MOST = 50  # a search costs 100 units, a day has 10,000
PATTERNS_MOST = 500
PHRASES_MOST = 50
TOTAL_MOST = 5_000  # phrases of all kinds: each is looked for in each title
BYTES_MOST = 900_000  # as JSON; with a request around it, it is an event of at most 1 MB


def _cleaned(text: str) -> str:
    if any(ord(letter) < 32 or "\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("has control characters or half a surrogate pair, which no text may have")
    if not plain(text):
        raise ValueError("is blank")
    return text.strip()


# Not all blanks, without control characters; for whoever reads the schema.
READABLE: dict[str, Any] = {"pattern": r"^[^\u0000-\u001f]*[^\s\u0000-\u001f][^\u0000-\u001f]*$"}
Phrase = Annotated[
    str,
    Field(min_length=1, max_length=100, json_schema_extra=READABLE),
    AfterValidator(_cleaned),
]
Points = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False), NUMBER]


class Part(BaseModel):
    """A part of the content: unknown fields are refused, so that no mistyped one is ignored."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class GamePattern(Part):
    """A game, and the phrases by which titles tell of it.

    Attributes:
        name: what the exclusion list shows.
        phrases: found as whole words, whatever their case.
    """

    name: Phrase
    phrases: tuple[Phrase, ...] = Field(min_length=1, max_length=PHRASES_MOST)


def _named_alone(given: Any) -> Any:
    """A pattern that is only a text is its own name."""
    return {"name": given, "phrases": [given]} if isinstance(given, str) else given


Pattern = Annotated[
    GamePattern, BeforeValidator(_named_alone, json_schema_input_type=GamePattern | Phrase)
]


class FitRule(Part):
    """Points of the brand fit for words in a text.

    Attributes:
        where: which text of the video is looked at.
        phrases: one of them, as whole words, suffices; more than one counts once.
        unless: the rule does not count where one of these stands in the same text.
    """

    where: Literal["title", "description"] = "title"
    phrases: tuple[Phrase, ...] = Field(min_length=1, max_length=PHRASES_MOST)
    points: Points
    unless: tuple[Phrase, ...] = Field((), max_length=PHRASES_MOST)


class Punctuation(Part):
    """Points for so many of some characters in the title, together."""

    characters: str = Field("!?", min_length=1, max_length=20)
    at_least: Whole = Field(2, ge=1, le=100)
    points: Points = 0.5


class Capitals(Part):
    """Points for a word in capitals in the title, of so many letters at least."""

    letters: Whole = Field(2, ge=1, le=100)
    points: Points = 0.5


class BrandFit(Part):
    """How well a video suits the brand, from 0 to 10.

    Attributes:
        base: points that every video has.
        above: a video is kept whose fit is greater.
    """

    base: Real = Field(5.0, ge=0, le=10)
    above: Real = Field(6.0, ge=0, le=10)
    rules: tuple[FitRule, ...] = Field((), max_length=100)
    punctuation: Punctuation = Punctuation()
    capitals: Capitals = Capitals()


class Content(Part):
    """All that can be configured.

    Attributes:
        search_queries: by which channels are discovered.
        game_patterns: what competitors' titles are searched for; what is found is excluded.
        exclusion_patterns: phrases that exclude a video whatever the competitors do.
        excluded_topics: names of topics, the last parts of the addresses in a channel's
            `topicDetails`, such as `Pop_music`; a channel with one of them is not discovered.
        excluded_categories: the platform's numbers of categories; a channel of whose recent videos
            more than half are in them is skipped.
    """

    search_queries: tuple[Phrase, ...] = Field(min_length=1, max_length=QUERIES_MOST)
    game_patterns: tuple[Pattern, ...] = Field((), max_length=PATTERNS_MOST)
    exclusion_patterns: tuple[Phrase, ...] = Field((), max_length=PATTERNS_MOST)
    excluded_topics: tuple[Phrase, ...] = Field((), max_length=100)
    excluded_categories: tuple[Annotated[str, Field(pattern=r"^[0-9]{1,4}$")], ...] = Field(
        (), max_length=100
    )
    brand_fit: BrandFit

    @field_validator("search_queries")
    @classmethod
    def _once_each(cls, queries: tuple[str, ...]) -> tuple[str, ...]:
        seen: dict[str, str] = {}
        for query in queries:
            if plain(query) in seen:
                raise ValueError(f"{query!r} is there twice: each search costs 100 units")
            seen[plain(query)] = query
        return queries

    @field_validator("game_patterns")
    @classmethod
    def _one_name_each(cls, patterns: tuple[GamePattern, ...]) -> tuple[GamePattern, ...]:
        names = [plain(pattern.name) for pattern in patterns]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two games are named {name!r}: give one of them all the phrases")
        return patterns

    @model_validator(mode="after")
    def _not_too_much(self) -> Content:
        patterns = [len(one.phrases) for one in self.game_patterns]
        rules = [len(one.phrases) + len(one.unless) for one in self.brand_fit.rules]
        total = sum(patterns) + sum(rules) + len(self.exclusion_patterns)
        if total > TOTAL_MOST:
            raise ValueError(
                f"has {total} phrases in game patterns, exclusion patterns and rules of the brand "
                f"fit together; at most {TOTAL_MOST} are looked for"
            )
        size = len(self.model_dump_json().encode())
        if size > BYTES_MOST:
            raise ValueError(f"has {size} bytes as JSON; at most {BYTES_MOST} are kept")
        return self


def defaults() -> Content:
    """The content that is shipped."""
    return Content.model_validate_json(_DEFAULTS.read_bytes())


_DEFAULTS = Path(__file__).with_name("defaults.json")
