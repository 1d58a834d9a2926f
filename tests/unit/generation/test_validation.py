from __future__ import annotations

from typing import Any

import pytest

from streams.generation.jobs.validation import METADATA_MAX, Problem, problems
from tests.unit.generation.requests import a_request


def broken(**changes: Any) -> list[tuple[str, str]]:
    return [(problem.field, problem.kind) for problem in problems(a_request(**changes))]


def test_a_good_request_has_no_problems() -> None:
    assert problems(a_request(job_id="j-1")) == []
    assert problems({"prompt": "only this", "user_id": "u"}) == []


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("prompt", ""),
        ("prompt", "  \n\t "),
        ("prompt", "x" * 5001),
        ("prompt", "x" * 1_000_000),
        ("prompt", "a\0b"),
        ("prompt", "half \ud83d"),
        ("prompt", None),
        ("width", 255),
        ("width", 260),
        ("width", 1032),
        ("height", 0),
        ("height", -512),
        ("height", 512.0),
        ("num_steps", 0),
        ("num_steps", 101),
        ("num_steps", True),
        ("quality", "ultra"),
        ("quality", ["low"]),
        ("priority", "urgent"),
        ("seed", -1),
        ("seed", 2**32),
        ("duration_s", 0.4),
        ("duration_s", 61),
        ("duration_s", float("nan")),
        ("duration_s", float("inf")),
        ("max_retries", -1),
        ("max_retries", 11),
        ("job_id", "../../etc/passwd"),
        ("job_id", ""),
        ("job_id", "a b"),
        ("job_id", "x" * 129),
        ("job_id", "é"),
        ("job_id", "line\n"),
        ("user_id", ""),
        ("source_video_id", ""),
        ("metadata", "[1]"),
        ("metadata", "{"),
        ("metadata", '{"x": 1e400}'),  # infinite, which JSON cannot tell on
        ("metadata", "{}" + " " * METADATA_MAX),
        ("metadata", "[" * 20_000),
    ],
)
def test_malformed_values_break_the_model(field: str, bad: Any) -> None:
    assert broken(**{field: bad}) == [(field, "model")]


@pytest.mark.parametrize(
    "good",
    [
        {"prompt": "x" * 5000},
        {"prompt": "drawtext=text='%{pts}':x=1;[0:v]null \x1b[31m \"quoted\""},
        {"seed": None},
        {"seed": 2**32 - 1},
        {"duration_s": 60},
        {"source_video_id": "-_dQw4w9WgX"},
        {"metadata": '{"a": 1}'},
        {"quality": "high", "num_steps": 50},
        {"quality": "low", "num_steps": 30},
        {"width": 256, "height": 512},
        {"width": 1024, "height": 512},
    ],
    ids=str,
)
def test_values_at_the_edge_are_good(good: dict[str, Any]) -> None:
    assert broken(**good) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quality": "high", "num_steps": 49}, "num_steps"),
        ({"quality": "low", "num_steps": 31}, "num_steps"),
        ({"width": 256, "height": 520}, "width"),
        ({"width": 1024, "height": 504}, "width"),
    ],
)
def test_values_that_do_not_go_together_break_business_rules(
    changes: dict[str, Any], field: str
) -> None:
    assert broken(**changes) == [(field, "business")]


def test_every_broken_rule_is_told() -> None:
    assert broken(prompt="", width=1, num_steps=0) == [
        ("prompt", "model"),
        ("num_steps", "model"),
        ("width", "model"),
    ]


def test_the_documented_curl_of_a_video_breaks_a_business_rule() -> None:
    asked = a_request(quality="high", num_steps=30)
    assert problems(asked) == [
        Problem("num_steps", "high quality needs at least 50 steps", "business")
    ]


def test_the_length_of_a_prompt_can_be_narrower() -> None:
    assert problems(a_request(prompt="x" * 1001), prompt_max=1000) == [
        Problem("prompt", "has 1 to 1000 characters that are not all blanks", "model")
    ]
