"""What outlier analyses search for, exclude and like, in the camelCase of documented clients."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from api.shapes.analyses import Answer
from api.shapes.jobs import Camel
from streams.outliers.content.shapes import (
    PATTERNS_MOST,
    QUERIES_MOST,
    Content,
    GamePattern,
    Pattern,
    Phrase,
)

__all__ = ["Content"]


class ContentAnswer(Answer):
    """All of the content."""

    data: Content
    version: int = Field(description="How often it was changed; also the ETag.")
    changed_by: str | None = Field(description="Who changed it last.")


class QueriesAnswer(Answer):
    """The search queries."""

    data: list[str]
    version: int


class PatternsAnswer(Answer):
    """The game patterns."""

    data: list[GamePattern]
    version: int


class SearchQueries(Camel):
    """Search queries in place of those that are there."""

    model_config = ConfigDict(extra="forbid")

    search_queries: tuple[Phrase, ...] = Field(min_length=1, max_length=QUERIES_MOST)


class GamePatterns(Camel):
    """Game patterns in place of those that are there; a text alone is a game and its phrase."""

    model_config = ConfigDict(extra="forbid")

    game_patterns: tuple[Pattern, ...] = Field(max_length=PATTERNS_MOST)
