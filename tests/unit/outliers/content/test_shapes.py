from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from streams.decisions.decider import Refused, fold
from streams.outliers.content.shapes import Content, defaults
from streams.outliers.content.story import CONTENT, Change, Reset
from tests.unit.outliers.analyses.a_world import NOW

# 4,400 phrases of 400 bytes.
BIG = [{"name": f"{n}", "phrases": ["\U0001d538" * 100] * 44} for n in range(100)]


def given(**changed: Any) -> dict[str, Any]:
    return {**defaults().model_dump(), **changed}


def test_what_is_shipped_keeps_its_own_rules_and_survives_the_log() -> None:
    assert Content.model_validate_json(defaults().model_dump_json()) == defaults()
    assert Content.model_validate(defaults().model_dump(by_alias=True)) == defaults()


def test_a_pattern_that_is_a_text_is_its_own_name() -> None:
    [one] = Content.model_validate(given(game_patterns=["Doors"])).game_patterns
    assert (one.name, one.phrases) == ("Doors", ("Doors",))


@pytest.mark.parametrize(
    ("changed", "where", "why"),
    [
        ({"search_queries": []}, "searchQueries", "at least 1"),
        ({"search_queries": ["  "]}, "searchQueries", "is blank"),
        ({"search_queries": ["Chess", "chess "]}, "searchQueries", "twice"),
        ({"search_queries": ["a\0b"]}, "searchQueries", "control characters"),
        ({"search_queries": ["x"] * 51}, "searchQueries", "at most 50"),
        ({"search_queries": [7]}, "searchQueries", "valid string"),
        ({"game_patterns": [{"name": "A", "phrases": []}]}, "gamePatterns", "at least 1"),
        ({"game_patterns": ["Doors", "doors"]}, "gamePatterns", "two games are named"),
        (
            {"game_patterns": [{"name": f"{n}", "phrases": ["x"] * 50} for n in range(101)]},
            None,
            "has 50",
        ),
        ({"exclusion_patterns": ["\U0001d538" * 100] * 500, "game_patterns": BIG}, None, "bytes"),
        ({"excluded_categories": ["music"]}, "excludedCategories", "match pattern"),
        ({"brand_fit": {"base": 11}}, "brandFit", "less than or equal to 10"),
        ({"brand_fit": {"rules": [{"phrases": ["x"], "points": float("nan")}]}}, "brandFit", "fin"),
        ({"brand_fit": {"bonus": 1}}, "brandFit", "not permitted"),
    ],
)
def test_bad_content_is_refused_where_it_is_bad(
    changed: dict[str, Any], where: str | None, why: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Content.model_validate(given(**changed))
    error = refused.value.errors()[0]
    if where is None:
        assert error["loc"] == ()
    else:
        assert where in (error["loc"][0], *_aliases(error["loc"][0]))
    assert why in error["msg"]


def _aliases(name: Any) -> list[str]:
    return [field.alias or "" for key, field in Content.model_fields.items() if key == name]


def test_a_change_of_an_older_version_is_refused() -> None:
    chess = Content.model_validate(given(search_queries=["chess"]))
    first = CONTENT.decide(CONTENT.initial, Change(NOW, "ada", chess))
    state = fold(CONTENT, first, CONTENT.initial)
    assert (state.content, state.version, state.changed_by) == (chess, 1, "ada")
    assert CONTENT.decide(state, Change(NOW, "bob", chess)) == []
    with pytest.raises(Refused, match="at version 1, changed by ada"):
        CONTENT.decide(state, Change(NOW, "bob", defaults(), expected=0))
    state = fold(CONTENT, CONTENT.decide(state, Reset(NOW, "bob")), state)
    assert (state.content, state.version) == (defaults(), 2)
    assert CONTENT.decide(state, Reset(NOW, "bob")) == []
